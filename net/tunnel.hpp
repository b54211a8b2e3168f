#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "net/byte_stream.hpp"
#include "net/loop.hpp"
#include "net/tls.hpp"
#include "net/url.hpp"

namespace bridge::net {

/// A proxy that opens tunnels, and how it wants to be asked.
struct TunnelProxy {
  enum class Protocol { http, socks5 };

  Protocol protocol = Protocol::http;  ///< http: CONNECT, RFC 9110; socks5: RFC 1928 and 1929
  std::string host;
  std::uint16_t port = 0;
  std::string userinfo;        ///< user[:password]; a secret
  bool resolves_here = false;  ///< names are looked up on our side, and it gets addresses

  /// "socks5://host:port", safe to print.
  [[nodiscard]] std::string origin() const;
};

/// A connection to `url`'s host and port. Loopback names ask no name server. Errors say `doing`.
awaitable<Result<Tcp::socket>> connect_tcp(Url const& url, Duration limit,
                                           std::string const& doing);

/// Which of a host's addresses, at least one, a proxy is asked for when we look names up: it gets
/// one try, and more proxies reach IPv4.
[[nodiscard]] asio::ip::address address_for_proxy(std::vector<Tcp::endpoint> const& ends);

/// Asks `proxy`, which `socket` is connected to, for a tunnel to `target`. `refused`, with its
/// reason, when it answers no. Errors say `doing`.
awaitable<Result<void>> open_tunnel(Tcp::socket& socket, TunnelProxy const& proxy,
                                    Url const& target, std::string const& doing);

/// A byte stream to `target` through `proxy`, loopback or not, with TLS where its scheme wants it;
/// `tls` is needed then, and lasts as long as the stream. All within `limit`.
awaitable<Result<std::unique_ptr<SocketStream>>> connect_through(Loop& loop, TunnelProxy proxy,
                                                                 Url target, TlsContext* tls,
                                                                 Duration limit);

}  // namespace bridge::net
