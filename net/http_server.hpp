#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "net/http_exchange.hpp"
#include "net/tasks.hpp"

namespace bridge::net {

struct HttpServerLimits {
  std::size_t header_max = 64 * 1024;
  std::size_t body_max = 64 * 1024;  ///< larger bodies are answered 413
  Duration request_deadline = 10s;   ///< from the first byte of a request to its last
  Duration write_limit = 60s;        ///< for a peer that takes nothing of its reply
  /// At this many, newcomers wait in the kernel until a connection ends. Those that only wait for
  /// their next request make way, the longest waiting first.
  std::size_t connections_max = 2048;
  Duration idle_grace = 1s;  ///< how long a connection may wait for its next request undisturbed
};

/// Answers the requests of one server. A missing answer becomes a 500.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual awaitable<void> handle(HttpExchange& exchange) = 0;
  /// Asked behind each head, before anything of the body is read. Who wants it in pieces takes it
  /// from the exchange.
  [[nodiscard]] virtual BodyPlan plan_body([[maybe_unused]] HttpRequest const& head) { return {}; }
  /// The reply to what is no request, or a too large one; `why` is a sentence.
  [[nodiscard]] virtual HttpReply reject(unsigned status, std::string_view why) {
    return text_reply(status, why);
  }
};

/// Listens, parses and hands requests to one handler, keep-alive and pipelining included.
class HttpServer {
 public:
  HttpServer(Loop& loop, HttpHandler& handler, HttpServerLimits limits, std::string name);
  ~HttpServer();

  /// Binds a TCP port (0 = any free one) at an IP address. The error names address and cause.
  Result<void> listen(std::string const& address, std::uint16_t port);
  /// Binds a Unix socket, mode 0600. A socket file nobody answers on is replaced; a live one is an
  /// error.
  Result<void> listen_unix(std::string const& path);
  /// Takes back every listen(), before start().
  void forget_listeners();
  /// The port of the first TCP listener.
  [[nodiscard]] std::uint16_t port() const { return port_; }

  /// For connections from now on.
  void set_limits(HttpServerLimits limits);

  /// Accepts until stop_accepting().
  void start();
  void stop_accepting();
  /// Cancels what is left, then waits for it. Handlers that took the socket over end here too.
  awaitable<void> stop();
  [[nodiscard]] std::size_t connections() const { return connections_; }

 private:
  class Acceptor;
  struct Accepted {
    std::unique_ptr<SocketStream> bytes;
    std::string local_authority;
  };
  awaitable<Result<Accepted>> accept_one(Acceptor& acceptor);
  awaitable<void> accept_loop(Acceptor& acceptor);
  void make_place();
  awaitable<Result<HttpRequest>> next_request(ByteStream& bytes, HttpRequestReader& reader);
  awaitable<void> serve(std::unique_ptr<SocketStream> bytes, std::string local_authority);

  Loop& loop_;
  HttpHandler& handler_;
  HttpServerLimits limits_;
  std::string name_;
  HttpRequestReader::Plan plan_;  // the handler's
  std::list<std::unique_ptr<Acceptor>> acceptors_;
  Tasks tasks_;
  std::uint16_t port_ = 0;
  std::size_t connections_ = 0;
  struct Waiting {
    ByteStream* bytes;
    Clock::time_point since;
  };
  std::list<Waiting> waiting_;  // for the rest of a request or the next one, longest first
  Broadcast left_;              // a connection has ended
  Clock::time_point warned_;
};

}  // namespace bridge::net
