#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/byte_stream.hpp"
#include "net/http_message.hpp"
#include "net/loop.hpp"
#include "net/proxy.hpp"
#include "net/tls.hpp"
#include "net/url.hpp"

namespace bridge::net {

/// How to reach other hosts: trust and proxies. Shared by REST calls and the CDP dial.
struct Reach {
  TlsContext* tls = nullptr;  ///< needed for https and wss
  ProxySettings proxies;
  Duration connect_limit = 10s;
};

/// A byte stream to `url`'s host and port: name resolution, TCP, a proxy's CONNECT, TLS with
/// verified name, all within the connect limit. `reach` lasts until the call ends. Errors name
/// origins only.
awaitable<Result<std::unique_ptr<SocketStream>>> connect_to(Loop& loop, Url url,
                                                            Reach const& reach);

/// HTTP/1.1 requests. Redirects are not followed: a key must not travel to another host.
/// GET and HEAD use a kept connection where there is one, and are sent again on a new one when the
/// server had closed it meanwhile. Other methods always get a new connection: when it breaks, one
/// cannot tell whether they took effect.
class HttpClient {
 public:
  HttpClient(Loop& loop, Reach reach, std::size_t reply_max = 64ULL << 20);

  /// `request.target` is ignored, the URL's is used; Host and Content-Length are added. `limit`
  /// covers everything. Any status is a success here. Calls may run side by side; the client
  /// outlives them.
  awaitable<Result<HttpReply>> send(Url url, HttpRequest request, Duration limit);
  /// Closes idle connections.
  void close_idle();

 private:
  struct Idle {
    std::string origin;
    std::unique_ptr<ByteStream> bytes;
    Clock::time_point since;
  };
  awaitable<Result<HttpReply>> exchange(Url url, HttpRequest request);
  awaitable<Result<HttpReply>> exchange_on(std::unique_ptr<ByteStream> bytes, Url const& url,
                                           HttpRequest const& request);
  std::unique_ptr<ByteStream> take_idle(std::string const& origin);
  void keep(std::string origin, std::unique_ptr<ByteStream> bytes);

  Loop& loop_;
  Reach reach_;
  std::size_t reply_max_;
  std::vector<Idle> idle_;
};

}  // namespace bridge::net
