#include "local/proxy_relay.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <sstream>

#include "base/secret.hpp"
#include "local/proxy_login.hpp"
#include "local/pump.hpp"
#include "net/http_client.hpp"
#include "net/plain_stream.hpp"

namespace bridge::local {
namespace {

constexpr std::size_t kHeadMax = 256 * 1024;
constexpr auto kHandshakeLimit = 30s;
constexpr auto kAcceptPause = 100ms;
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kBadGateway =
    "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

constexpr char kSocks5 = '\x05';
constexpr char kNoLogin = '\x00';
constexpr char kLogin = '\x02';

enum class Owner { us, other, gone };

// Whose the socket at the other end of `ours` -> `peer` is: the kernel lists every socket of the
// machine with its owner, as seen from its own end. One that has been closed meanwhile, as Chromium
// does with those it opened in advance, is not there or is nobody's (root's).
Owner owner_of(Tcp::endpoint const& ours, Tcp::endpoint const& peer) {
  auto const listed = [](Tcp::endpoint const& end) {
    auto const bytes = end.address().to_v4().to_bytes();
    return fmt::format("{:02X}{:02X}{:02X}{:02X}:{:04X}", bytes[3], bytes[2], bytes[1], bytes[0],
                       end.port());
  };
  constexpr std::string_view kEstablished = "01";
  auto const wanted = fmt::format(" {} {} ", listed(peer), listed(ours));
  std::ifstream table("/proc/net/tcp");
  for (std::string line; std::getline(table, line);) {
    auto const found = line.find(wanted);
    if (found == std::string::npos) continue;
    std::istringstream fields(line.substr(found + wanted.size()));
    std::string state, queues, timer, retries;
    unsigned uid = 0;
    if (!(fields >> state >> queues >> timer >> retries >> uid)) continue;
    if (uid == getuid() && (uid != 0 || state == kEstablished)) return Owner::us;
    return state == kEstablished ? Owner::other : Owner::gone;
  }
  return Owner::gone;
}

// Reads into `text` until it has `size` bytes.
awaitable<Result<void>> read_bytes(net::ByteStream& from, std::string& text, std::size_t size) {
  while (text.size() < size) {
    auto const bytes = co_await from.receive();
    if (!bytes) co_return bytes.error();
    text.append(bytes->data(), bytes->size());
  }
  co_return Result<void>{};
}

// Takes a head off the front of what `from` sends; what came behind it stays in `text`.
awaitable<Result<std::string>> read_head(net::ByteStream& from, std::string& text) {
  for (;;) {
    if (auto const end = text.find(kHeadEnd); end != std::string::npos) {
      auto head = text.substr(0, end + kHeadEnd.size());
      text.erase(0, head.size());
      co_return head;
    }
    if (text.size() > kHeadMax) co_return Error{Errc::bad_message, "read a head"};
    auto const bytes = co_await from.receive();
    if (!bytes) co_return bytes.error();
    text.append(bytes->data(), bytes->size());
  }
}

// The head of the final reply; interim ones (103) go through as they come.
awaitable<Result<std::string>> final_head(net::ByteStream& proxy, net::ByteStream& client,
                                          std::string& behind) {
  for (;;) {
    auto head = co_await read_head(proxy, behind);
    if (!head) co_return head.error();
    auto const space = head->find(' ');
    if (space == std::string::npos || head->compare(space + 1, 1, "1") != 0) co_return head;
    auto const sent = co_await send_text(client, *head);
    if (!sent) co_return sent.error();
  }
}

// One reply, the last of its connection.
awaitable<void> answer_once(net::ByteStream& proxy, net::ByteStream& client,
                            std::function<void()> const& ended) {
  std::string early;
  auto const head = co_await final_head(proxy, client, early);
  if (head) {
    auto const reply = as_last_reply(*head) + early;
    auto const told = co_await send_text(client, reply);
    if (told) co_await pump(proxy, client, ended);
  }
  client.shutdown_send();
  ended();
}

// The body goes up while the answer may come already.
awaitable<void> exchange_once(net::ByteStream& client, net::ByteStream& proxy,
                              std::function<void()> const& ended) {
  co_await (pump(client, proxy, ended) && answer_once(proxy, client, ended));
}

// What is to be done when a direction ends: nothing but to let the other one follow.
void end_alone() {}

// RFC 1928: version, number of methods, methods. Taken off the front of `text`.
awaitable<Result<void>> take_greeting(net::ByteStream& client, std::string& text) {
  auto read = co_await read_bytes(client, text, 2);
  if (!read) co_return read;
  auto const size = 2U + static_cast<unsigned char>(text[1]);
  read = co_await read_bytes(client, text, size);
  if (!read) co_return read;
  if (text.front() != kSocks5) co_return Error{Errc::bad_message, "greet Chromium"};
  text.erase(0, size);
  co_return read;
}

awaitable<Result<void>> log_in(net::ByteStream& proxy, RuntimePlan::Proxy const& who,
                               std::string& text) {
  std::string const offer{kSocks5, '\x02', kNoLogin, kLogin};
  auto done = co_await send_text(proxy, offer);
  if (done) done = co_await read_bytes(proxy, text, 2);
  if (!done) co_return done;
  auto const chosen = text[1];
  text.erase(0, 2);
  if (chosen == kNoLogin) co_return done;
  if (chosen != kLogin) co_return Error{Errc::refused, "log in"};
  auto const login = socks_login(who);
  done = co_await send_text(proxy, login);
  if (done) done = co_await read_bytes(proxy, text, 2);
  if (!done) co_return done;
  bool const let_in = text[1] == '\x00';
  text.erase(0, 2);
  if (!let_in) co_return Error{Errc::refused, "log in"};
  co_return done;
}

}  // namespace

ProxyRelay::ProxyRelay(net::Loop& loop, RuntimePlan::Proxy proxy, Log log)
    : loop_(loop),
      proxy_(std::move(proxy)),
      log_(std::move(log)),
      acceptor_(loop.executor()),
      tasks_(loop.executor()) {
  [[maybe_unused]] Secret const known_to_the_log(proxy_.password);
}

Result<void> ProxyRelay::start() {
  Tcp::endpoint const here(asio::ip::address_v4::loopback(), 0);
  error_code ec;
  acceptor_.open(here.protocol(), ec);
  if (!ec) acceptor_.bind(here, ec);
  if (!ec) acceptor_.listen(Tcp::acceptor::max_listen_connections, ec);
  if (ec) return Error{ec, "listen for Chromium's requests to its proxy"};
  port_ = acceptor_.local_endpoint().port();
  tasks_.spawn("proxy relay", accept_loop());
  return Result<void>{};
}

RuntimePlan::Proxy ProxyRelay::substitute() const {
  RuntimePlan::Proxy here;
  here.protocol = proxy_.protocol;
  here.host = "127.0.0.1";
  here.port = port_;
  return here;
}

awaitable<void> ProxyRelay::stop() {
  error_code ignored;
  acceptor_.close(ignored);
  tasks_.stop();
  co_await tasks_.join();
}

awaitable<void> ProxyRelay::accept_loop() {
  for (;;) {
    Tcp::socket socket(loop_.executor());
    Tcp::endpoint from;
    auto const [ec] = co_await acceptor_.async_accept(socket, from, no_throw);
    if (ec == asio::error::operation_aborted || ec == asio::error::bad_descriptor) co_return;
    if (ec) {  // no descriptor is left, say
      co_await net::sleep_for(kAcceptPause);
      continue;
    }
    error_code bad;
    auto const here = socket.local_endpoint(bad);
    auto const owner = bad ? Owner::gone : owner_of(here, from);
    if (owner == Owner::other)
      log_.warn("another user's request to the runtime's proxy was turned away");
    if (owner != Owner::us) continue;
    socket.set_option(Tcp::no_delay(true), bad);
    asio::generic::stream_protocol::socket plain(std::move(socket));
    auto client = net::make_plain_stream(loop_, std::move(plain), "chromium");
    tasks_.spawn("proxied connection", serve(std::move(client)));
  }
}

awaitable<void> ProxyRelay::serve(std::unique_ptr<net::ByteStream> client) {
  if (proxy_.protocol == "socks5")
    co_await serve_socks(*client);
  else
    co_await serve_http(*client);
}

awaitable<std::unique_ptr<net::ByteStream>> ProxyRelay::connect() {
  net::Url url;
  url.scheme = "http";
  url.host = proxy_.host;
  url.port = proxy_.port;
  net::Reach const reach;
  auto stream = co_await net::connect_to(loop_, std::move(url), reach);
  if (stream) co_return std::move(*stream);
  log_.debug("the runtime's proxy: {}", stream.error().text());
  co_return nullptr;
}

awaitable<void> ProxyRelay::serve_http(net::ByteStream& client) {
  std::string behind;
  auto asked = co_await net::within(kHandshakeLimit, read_head(client, behind), "read a request");
  if (!asked) co_return;
  auto const proxy = co_await connect();
  if (!proxy) {
    [[maybe_unused]] auto const told = co_await send_text(client, kBadGateway);
    client.shutdown_send();
    co_return;
  }
  auto const request = with_login(*asked, proxy_) + behind;
  auto const sent = co_await send_text(*proxy, request);
  if (!sent) co_return;
  if (is_connect(*asked)) {
    std::function<void()> const ended = end_alone;
    co_await pump_both(client, *proxy, ended);
    co_return;
  }
  net::Signal first_end(loop_.executor());
  std::function<void()> const ended = [&] { first_end.notify(); };
  co_await (exchange_once(client, *proxy, ended) || linger(first_end));
}

// Chromium asks for no login, the proxy gets one; from then on they speak to each other.
awaitable<void> ProxyRelay::serve_socks(net::ByteStream& client) {
  std::string from_client;
  auto const greeted =
      co_await net::within(kHandshakeLimit, take_greeting(client, from_client), "greet Chromium");
  if (!greeted) co_return;
  auto const proxy = co_await connect();
  if (!proxy) co_return;
  std::string from_proxy;
  auto const ready =
      co_await net::within(kHandshakeLimit, log_in(*proxy, proxy_, from_proxy), "log in");
  if (!ready) {
    log_.warn("the runtime's proxy lets nobody in: {}", ready.error().text());
    co_return;
  }
  std::string const welcome{kSocks5, kNoLogin};
  auto told = co_await send_text(client, welcome);
  if (told) told = co_await send_text(*proxy, from_client);
  std::function<void()> const ended = end_alone;
  if (told) co_await pump_both(client, *proxy, ended);
}

}  // namespace bridge::local
