#include "net/http_server.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "base/log.hpp"
#include "base/scope_exit.hpp"
#include "net/http_request_reader.hpp"
#include "net/plain_stream.hpp"

namespace bridge::net {
namespace {

constexpr int kBacklog = 1024;
constexpr auto kPlacePause = 100ms;  // between looks for a connection that may make way
constexpr auto kWarnEvery = 60s;
constexpr auto kLinger = 2s;  // how long the peer may take to notice that we hang up

std::string authority_of(Tcp::endpoint const& end) {
  auto const address = end.address().to_string();
  return end.address().is_v6() ? fmt::format("[{}]:{}", address, end.port())
                               : fmt::format("{}:{}", address, end.port());
}

awaitable<Result<void>> discard(ByteStream& bytes) {
  for (;;) {
    auto const got = co_await bytes.receive();
    if (!got) co_return Result<void>{};
  }
}

// Closing while the peer's bytes are unread would reset the connection, and the peer could lose our
// reply.
awaitable<void> hang_up(ByteStream& bytes) {
  bytes.shutdown_send();
  (void)co_await within(kLinger, discard(bytes), "hang up");
}

}  // namespace

class HttpServer::Acceptor {
 public:
  using Socket = asio::generic::stream_protocol::socket;
  virtual ~Acceptor() = default;
  using Accepted = HttpServer::Accepted;
  /// Until somebody wants in.
  virtual awaitable<Result<void>> knocked() = 0;
  virtual awaitable<Result<Accepted>> accept() = 0;
  virtual void close() = 0;
};

namespace {

template <class Base>
class TcpAcceptor final : public Base {
 public:
  TcpAcceptor(Loop& loop, Tcp::acceptor acceptor) : loop_(loop), acceptor_(std::move(acceptor)) {}

  awaitable<Result<void>> knocked() override {
    auto const [ec] = co_await acceptor_.async_wait(asio::socket_base::wait_read, no_throw);
    if (ec) co_return Error(ec, "accept");
    co_return Result<void>{};
  }
  awaitable<Result<typename Base::Accepted>> accept() override {
    Tcp::socket socket(loop_.executor());
    Tcp::endpoint from;
    auto const [ec] = co_await acceptor_.async_accept(socket, from, no_throw);
    if (ec) co_return Error(ec, "accept");
    error_code ignored;
    socket.set_option(Tcp::no_delay(true), ignored);
    auto const here = socket.local_endpoint(ignored);
    typename Base::Accepted out;
    out.bytes =
        make_plain_stream(loop_, typename Base::Socket(std::move(socket)), authority_of(from));
    out.local_authority = authority_of(here);
    co_return std::move(out);
  }
  void close() override {
    error_code ignored;
    acceptor_.close(ignored);
  }

 private:
  Loop& loop_;
  Tcp::acceptor acceptor_;
};

template <class Base>
class UnixAcceptor final : public Base {
 public:
  UnixAcceptor(Loop& loop, asio::local::stream_protocol::acceptor acceptor, std::string path)
      : loop_(loop), acceptor_(std::move(acceptor)), path_(std::move(path)) {}

  awaitable<Result<void>> knocked() override {
    auto const [ec] = co_await acceptor_.async_wait(asio::socket_base::wait_read, no_throw);
    if (ec) co_return Error(ec, "accept");
    co_return Result<void>{};
  }
  awaitable<Result<typename Base::Accepted>> accept() override {
    asio::local::stream_protocol::socket socket(loop_.executor());
    auto const [ec] = co_await acceptor_.async_accept(socket, no_throw);
    if (ec) co_return Error(ec, "accept");
    typename Base::Accepted out;
    out.bytes = make_plain_stream(loop_, typename Base::Socket(std::move(socket)), "local");
    out.local_authority = "localhost";
    co_return std::move(out);
  }
  void close() override {
    error_code ignored;
    if (!acceptor_.is_open()) return;
    acceptor_.close(ignored);
    ::unlink(path_.c_str());
  }

 private:
  Loop& loop_;
  asio::local::stream_protocol::acceptor acceptor_;
  std::string path_;
};

}  // namespace

HttpServer::HttpServer(Loop& loop, HttpHandler& handler, HttpServerLimits limits, std::string name)
    : loop_(loop),
      handler_(handler),
      limits_(limits),
      name_(std::move(name)),
      plan_([this](HttpRequest const& head) { return handler_.plan_body(head); }),
      tasks_(loop.executor()),
      left_(loop.executor()),
      warned_(Clock::now() - kWarnEvery) {}

HttpServer::~HttpServer() {
  stop_accepting();
}

Result<void> HttpServer::listen(std::string const& address, std::uint16_t port) {
  error_code ec;
  auto const ip = asio::ip::make_address(address, ec);
  auto const doing = fmt::format("listen on {}", ip.is_v6() ? fmt::format("[{}]:{}", address, port)
                                                            : fmt::format("{}:{}", address, port));
  if (ec) return Error(ec, doing);
  Tcp::endpoint const end(ip, port);
  Tcp::acceptor acceptor(loop_.executor());
  acceptor.open(end.protocol(), ec);
  if (!ec) acceptor.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec && ip.is_v6()) acceptor.set_option(asio::ip::v6_only(true), ec);
  if (!ec) acceptor.bind(end, ec);
  if (!ec) acceptor.listen(kBacklog, ec);
  if (ec) return Error(ec, doing);
  if (port_ == 0) port_ = acceptor.local_endpoint(ec).port();
  acceptors_.push_back(std::make_unique<TcpAcceptor<Acceptor>>(loop_, std::move(acceptor)));
  return {};
}

Result<void> HttpServer::listen_unix(std::string const& path) {
  using Local = asio::local::stream_protocol;
  auto const doing = fmt::format("listen on {}", path);
  if (path.size() >= sizeof(sockaddr_un::sun_path))
    return Error(
        Errc::too_large,
        doing + " (socket paths hold at most 107 bytes; set XDG_RUNTIME_DIR to a shorter one)");
  Local::endpoint const end(path);
  error_code ec;
  Local::socket probe(loop_.executor());
  probe.connect(end, ec);
  if (!ec) return Error(asio::error::make_error_code(asio::error::address_in_use), doing);
  // A socket whose owner died is replaced. Other files refuse connections as well: they are not
  // ours to remove.
  struct stat found {};
  bool const is_socket = ::lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode);
  if (ec == asio::error::connection_refused && is_socket) ::unlink(path.c_str());

  Local::acceptor acceptor(loop_.executor());
  ec.clear();
  acceptor.open(end.protocol(), ec);
  auto const old_mask = ::umask(0177);
  if (!ec) acceptor.bind(end, ec);
  ::umask(old_mask);
  if (!ec) acceptor.listen(kBacklog, ec);
  if (ec) return Error(ec, doing);
  acceptors_.push_back(std::make_unique<UnixAcceptor<Acceptor>>(loop_, std::move(acceptor), path));
  return {};
}

void HttpServer::forget_listeners() {
  acceptors_.clear();
  port_ = 0;
}

void HttpServer::set_limits(HttpServerLimits limits) {
  limits_ = limits;
}

void HttpServer::start() {
  for (auto const& acceptor : acceptors_) tasks_.spawn(name_ + " accept", accept_loop(*acceptor));
}

void HttpServer::stop_accepting() {
  for (auto const& acceptor : acceptors_) acceptor->close();
}

awaitable<void> HttpServer::stop() {
  stop_accepting();
  tasks_.stop();
  co_await tasks_.join();
}

awaitable<void> HttpServer::accept_loop(Acceptor& acceptor) {
  for (;;) {
    auto accepted = co_await accept_one(acceptor);
    if (!accepted) {
      auto const& error = accepted.error();
      if (error.code == asio::error::operation_aborted || error.code == asio::error::bad_descriptor)
        co_return;
      log::write(LogLevel::warn, fmt::format("[{}] {}", name_, error.text()));
      co_await sleep_for(100ms);  // out of descriptors: the pending connection stays, do not spin
      continue;
    }
    tasks_.spawn(name_ + " connection",
                 serve(std::move(accepted->bytes), std::move(accepted->local_authority)));
  }
}

// At the limit, nobody is sent away before somebody else wants in.
awaitable<Result<HttpServer::Accepted>> HttpServer::accept_one(Acceptor& acceptor) {
  while (connections_ >= limits_.connections_max) {
    auto const knocked = co_await acceptor.knocked();
    if (!knocked) co_return knocked.error();
    make_place();
    co_await (left_.wait() || sleep_for(kPlacePause));
  }
  co_return co_await acceptor.accept();
}

void HttpServer::make_place() {
  auto const now = Clock::now();
  if (now - warned_ >= kWarnEvery) {
    log::write(LogLevel::warn,
               fmt::format("[{}] {} connections: idle ones make way, newcomers wait", name_,
                           connections_));
    warned_ = now;
  }
  if (waiting_.empty() || now - waiting_.front().since < limits_.idle_grace) return;
  waiting_.front().bytes->close();
  waiting_.front().since = Clock::time_point::max();  // chosen once is enough
  waiting_.splice(waiting_.end(), waiting_, waiting_.begin());
}

awaitable<Result<HttpRequest>> HttpServer::next_request(ByteStream& bytes,
                                                        HttpRequestReader& reader) {
  auto const place = waiting_.insert(waiting_.end(), {&bytes, Clock::now()});
  auto const done = scope_exit([this, place] { waiting_.erase(place); });
  auto const begun = co_await reader.wait_for_first_byte();
  if (!begun) co_return begun.error();
  co_return co_await within(limits_.request_deadline, reader.read(plan_), "HTTP request");
}

awaitable<void> HttpServer::serve(std::unique_ptr<SocketStream> bytes,
                                  std::string local_authority) {
  ++connections_;
  auto const leave = scope_exit([&] {
    --connections_;
    left_.notify_all();
  });
  HttpRequestReader reader(*bytes, limits_.header_max, limits_.body_max);
  ExchangeLimits exchange_limits;
  exchange_limits.piece = limits_.request_deadline;
  exchange_limits.write = limits_.write_limit;
  for (;;) {
    auto request = co_await next_request(*bytes, reader);
    if (!request) {
      if (request.error().is(Errc::bad_message)) {
        auto const refusal = handler_.reject(reader.why().status, reader.why().text);
        (void)co_await send_reply(*bytes, refusal, true, limits_.write_limit);
        co_await hang_up(*bytes);
      }
      co_return;
    }
    HttpExchange exchange(loop_, bytes, reader, std::move(*request), local_authority,
                          exchange_limits);
    co_await handler_.handle(exchange);
    if (exchange.handed_over()) co_return;
    if (!exchange.answered()) {
      auto const failure = text_reply(500, "The request was not answered; this is a bug.\n");
      (void)co_await send_reply(*bytes, failure, true, limits_.write_limit);
      co_await hang_up(*bytes);
      co_return;
    }
    if (exchange.broken_off()) {
      exchange.cut();
      co_return;
    }
    bool const last = reader.last() || reader.body_left() || exchange.ends_connection();
    if (last || !bytes->is_open()) {
      co_await hang_up(*bytes);
      co_return;
    }
  }
}

}  // namespace bridge::net
