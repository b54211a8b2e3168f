// cdp-echo: a fake browser-level CDP endpoint for load and correctness measurements.
//
// Answers in Chrome's shape and field order, keeps Chrome's ordering (events of a command before
// its reply), never compresses, and is strict about what a client may send. Loopback only.
//
//   any unknown method   reply {"tag":params.tag,"data":<params.size bytes>}; params.kind "tricky"
//                        fills data with escapes and look-alike envelope fields
//   Bench.emit           params.count events of about params.size bytes on the session, then the
//   reply Target.*, Browser.getVersion as a browser would for a handful of pages GET /json/version,
//   /json/list, /bench/stats
#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#include "wire.hpp"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace ssl = asio::ssl;
using tcp = asio::ip::tcp;
using asio::awaitable;
using asio::use_awaitable;
using namespace loadgen;

struct Options {
  unsigned short port = 9333;
  int targets = 4;
  int max_seconds = 3600;
  std::string cert, key;
};

struct Stats {
  std::uint64_t connections = 0, commands = 0, events = 0, errors = 0;
  std::int64_t open = 0, sessions = 0;
};

struct Target {
  std::string id, type, url;
};

std::string hex32() {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string s(32, '0');
  for (char& c : s) c = kDigits[rng()() & 15];
  return s;
}

struct Browser {
  std::string guid, context = hex32();
  std::vector<Target> targets;
  Stats stats;

  explicit Browser(int pages) {
    const std::string h = hex32();
    guid = h.substr(0, 8) + "-" + h.substr(8, 4) + "-4" + h.substr(13, 3) + "-a" + h.substr(17, 3) +
           "-" + h.substr(20, 12);
    for (int i = 0; i < pages; ++i) targets.push_back({hex32(), "page", "about:blank"});
  }
  std::string info(Target const& t, bool attached) const {
    return R"({"targetId":")" + t.id + R"(","type":")" + t.type + R"(","title":")" + t.url +
           R"(","url":")" + t.url + R"(","attached":)" + (attached ? "true" : "false") +
           R"(,"canAccessOpener":false,"browserContextId":")" + context + R"("})";
  }
  std::string version_json(std::string const& host, bool tls) const {
    return "{\n   \"Browser\": \"Chrome/0.0.0.0\",\n   \"Protocol-Version\": \"1.3\",\n   "
           "\"User-Agent\": \"cdp-echo\",\n"
           "   \"V8-Version\": \"0.0\",\n   \"WebKit-Version\": \"537.36\",\n   "
           "\"webSocketDebuggerUrl\": \"" +
           std::string(tls ? "wss" : "ws") + "://" + host + "/devtools/browser/" + guid + "\"\n}\n";
  }
};

template <class Stream>
class Connection : public std::enable_shared_from_this<Connection<Stream>> {
 public:
  Connection(Stream stream, Browser& browser, bool tls)
      : stream_(std::move(stream)), browser_(browser), tls_(tls), drained_(stream_.get_executor()) {
    ++browser_.stats.open;
    ++browser_.stats.connections;
  }
  ~Connection() {
    --browser_.stats.open;
    browser_.stats.sessions -= static_cast<std::int64_t>(sessions_.size());
  }

  awaitable<void> run() {
    auto self = this->shared_from_this();
    try {
      if constexpr (requires { stream_.async_handshake(ssl::stream_base::server, use_awaitable); })
        co_await stream_.async_handshake(ssl::stream_base::server, use_awaitable);
      if (co_await upgrade()) co_await serve();
    } catch (ProtocolError const& e) {
      ++browser_.stats.errors;
      std::fprintf(stderr, "cdp-echo: peer broke the protocol: %s\n", e.what());
    } catch (std::exception const&) {
    }
    boost::system::error_code ignored;
    beast::get_lowest_layer(stream_).close(ignored);
    drained_.cancel();
  }

 private:
  struct Segment {
    std::string owned;
    std::string_view borrowed;
    std::string_view bytes() const { return borrowed.empty() ? std::string_view(owned) : borrowed; }
  };
  struct Flood {
    std::int64_t id, left, seq = 0;
    std::size_t size;
    std::string session;
  };

  // -- HTTP
  awaitable<bool> upgrade() {
    for (;;) {
      http::request<http::string_body> req;
      co_await http::async_read(stream_, http_buffer_, req, use_awaitable);
      if (beast::iequals(req[http::field::upgrade], "websocket")) {
        http::response<http::empty_body> res{http::status::switching_protocols, 11};
        res.set(http::field::upgrade, "WebSocket");
        res.set(http::field::connection, "Upgrade");
        res.set(http::field::sec_websocket_accept,
                accept_for(std::string(req[http::field::sec_websocket_key])));
        co_await http::async_write(stream_, res, use_awaitable);
        auto const rest = http_buffer_.data();
        reader_.feed({static_cast<char const*>(rest.data()), rest.size()});
        co_return true;
      }
      http::response<http::string_body> res{http::status::ok, 11};
      res.set(http::field::content_type, "application/json; charset=UTF-8");
      const std::string host(req[http::field::host]);
      auto const path = std::string(req.target());
      if (path == "/json/version" || path == "/json/version/") {
        res.body() = browser_.version_json(host, tls_);
      } else if (path == "/json" || path == "/json/list") {
        res.body() = "[";
        for (auto const& t : browser_.targets)
          res.body() += (res.body().size() > 1 ? "," : "") + std::string(R"({"id":")") + t.id +
                        R"(","type":")" + t.type + R"(","title":"","url":")" + t.url +
                        R"(","webSocketDebuggerUrl":")" + (tls_ ? "wss" : "ws") + "://" + host +
                        "/devtools/page/" + t.id + "\"}";
        res.body() += "]\n";
      } else if (path == "/bench/stats") {
        auto const& s = browser_.stats;
        res.body() = "{\"connections\":" + std::to_string(s.connections) +
                     ",\"open\":" + std::to_string(s.open) +
                     ",\"sessions\":" + std::to_string(s.sessions) +
                     ",\"commands\":" + std::to_string(s.commands) +
                     ",\"events\":" + std::to_string(s.events) +
                     ",\"errors\":" + std::to_string(s.errors) + "}\n";
      } else {
        res.result(http::status::not_found);
      }
      res.keep_alive(req.keep_alive());
      res.prepare_payload();
      co_await http::async_write(stream_, res, use_awaitable);
      if (!req.keep_alive()) co_return false;
    }
  }

  // -- WebSocket
  awaitable<void> serve() {
    for (;;) {
      while (auto m = reader_.next()) {
        switch (m->op) {
          case Op::text:
          case Op::binary:
            command(m->payload);
            break;
          case Op::ping:
            append_plain(tail(), Op::pong, m->payload);
            break;
          case Op::pong:
            break;
          case Op::close:
            append_plain(tail(), Op::close, m->payload.substr(0, 2));
            flush();
            while (writing_) co_await wait_drained();
            co_return;
          default:
            throw ProtocolError("unknown opcode");
        }
      }
      flush();
      while (queued_ > kHighWater) co_await wait_drained();
      auto [p, room] = reader_.prepare();
      reader_.commit(co_await stream_.async_read_some(asio::buffer(p, room), use_awaitable));
    }
  }

  awaitable<void> wait_drained() {
    drained_.expires_after(std::chrono::hours(1));
    boost::system::error_code ec;
    co_await drained_.async_wait(asio::redirect_error(use_awaitable, ec));
    if (failed_) throw std::runtime_error("write failed");
  }

  // Small frames collect in one string so a burst of replies costs one write.
  std::string& tail() {
    if (out_.empty() || !out_.back().borrowed.empty() || out_.back().owned.size() > kSegment)
      out_.emplace_back();
    return out_.back().owned;
  }

  void flush() {
    refill();
    if (writing_ || out_.empty()) return;
    writing_ = true;
    in_flight_.swap(out_);
    buffers_.clear();
    for (auto const& s : in_flight_) buffers_.push_back(asio::buffer(s.bytes()));
    asio::async_write(stream_, buffers_,
                      [self = this->shared_from_this()](boost::system::error_code ec, std::size_t) {
                        self->written(ec);
                      });
  }

  void written(boost::system::error_code ec) {
    writing_ = false;
    in_flight_.clear();
    queued_ = 0;
    for (auto const& s : out_) queued_ += s.bytes().size();
    if (ec) {
      failed_ = true;
      drained_.cancel();
      return;
    }
    flush();
    if (!writing_ || queued_ <= kHighWater) drained_.cancel();
  }

  // Turns running floods into frames, a bounded amount at a time, fairly between them.
  void refill() {
    while (!floods_.empty() && pending() < kFloodWindow) {
      Flood f = std::move(floods_.front());
      floods_.pop_front();
      for (int burst = 0; burst < 32 && f.left > 0; ++burst, --f.left) {
        scratch_ = R"({"method":"Bench.event","params":{"seq":)";
        append_number(scratch_, f.seq++);
        scratch_ += R"(,"data":")";
        const std::size_t fixed =
            scratch_.size() + 3 + (f.session.empty() ? 0 : f.session.size() + 15);
        scratch_ += payload(f.size > fixed ? f.size - fixed : 0, false);
        scratch_ += "\"}";
        finish(f.session);
        ++browser_.stats.events;
      }
      if (f.left > 0)
        floods_.push_back(std::move(f));
      else
        reply(f.id, "{}", f.session);
    }
  }
  std::size_t pending() const {
    std::size_t n = 0;
    for (auto const& s : out_) n += s.bytes().size();
    return n;
  }

  // Closes the envelope in scratch_ (session id last, as Chrome does) and queues it.
  void finish(std::string_view session) {
    if (!session.empty()) {
      scratch_ += R"(,"sessionId":")";
      scratch_ += session;
      scratch_ += '"';
    }
    scratch_ += '}';
    append_plain(tail(), Op::text, scratch_);
    queued_ += scratch_.size();
  }
  void reply(std::int64_t id, std::string_view result, std::string_view session) {
    scratch_ = R"({"id":)";
    append_number(scratch_, id);
    scratch_ += R"(,"result":)";
    scratch_ += result;
    finish(session);
  }
  void error(std::optional<std::int64_t> id, int code, std::string_view text,
             std::string_view session = {}) {
    scratch_ = "{";
    if (id) {
      scratch_ += R"("id":)";
      append_number(scratch_, *id);
      scratch_ += ',';
    }
    scratch_ += R"("error":{"code":)";
    append_number(scratch_, code);
    scratch_ += R"(,"message":")";
    scratch_ += text;
    scratch_ += "\"}";
    finish(session);
  }
  void event(std::string_view method, std::string_view params, std::string_view session) {
    scratch_ = R"({"method":")";
    scratch_ += method;
    scratch_ += R"(","params":)";
    scratch_ += params;
    finish(session);
  }

  // A reply carrying `size` bytes; large bodies are sent straight from the shared pattern.
  void reply_payload(std::int64_t id, std::string_view tag, std::size_t size, bool tricky,
                     std::string_view session) {
    const std::string_view data = payload(size, tricky);
    scratch_ = R"({"id":)";
    append_number(scratch_, id);
    scratch_ += R"(,"result":{"tag":")";
    scratch_ += tag;
    scratch_ += R"(","data":")";
    if (size < kBorrowAbove || tricky) {
      scratch_ += data;
      scratch_ += "\"}";
      finish(session);
      return;
    }
    std::string end = "\"}";
    if (!session.empty()) end.append(R"(,"sessionId":")").append(session).append("\"");
    end += '}';
    const std::size_t whole = scratch_.size() + size + end.size();
    std::string& out = tail();
    append_header(out, Op::text, whole);
    out += scratch_;
    out_.push_back({{}, data});
    out_.push_back({std::move(end), {}});
    queued_ += whole;
  }

  void command(std::string_view text) {
    ++browser_.stats.commands;
    std::optional<std::int64_t> id;
    std::string_view method, params, session, key, value;
    try {
      for (Members m(text); m.next(key, value);) {
        if (key == "id")
          id = integer(value);
        else if (key == "method")
          method = unquote(value);
        else if (key == "params")
          params = value;
        else if (key == "sessionId")
          session = unquote(value);
      }
    } catch (ProtocolError const&) {
      return error({}, -32700, "JSON: parse error");
    }
    if (!id) return error({}, -32600, "Message must have integer 'id' property");
    if (method.empty()) return error(id, -32600, "Message must have string 'method' property");
    if (!session.empty() && !sessions_.contains(std::string(session)))
      return error(id, -32001, "Session with given id not found.");

    std::string_view tag, target, wanted;
    std::int64_t size = 0, count = 0;
    bool tricky = false, flag = false;
    if (!params.empty()) {
      for (Members m(params); m.next(key, value);) {
        if (key == "tag")
          tag = unquote(value);
        else if (key == "size")
          size = integer(value).value_or(0);
        else if (key == "count")
          count = integer(value).value_or(0);
        else if (key == "kind")
          tricky = unquote(value) == "tricky";
        else if (key == "targetId")
          target = unquote(value);
        else if (key == "sessionId")
          wanted = unquote(value);
        else if (key == "discover" || key == "autoAttach")
          flag = value == "true";
      }
    }
    if (size < 0 || static_cast<std::size_t>(size) > kMaxMessage / 2 || count < 0 ||
        count > 100'000'000)
      return error(id, -32602, "Invalid parameters", session);

    if (method == "Bench.emit") {
      floods_.push_back({*id, count, 0, static_cast<std::size_t>(size), std::string(session)});
    } else if (method.starts_with("Target.") || method == "Browser.getVersion") {
      browser_command(*id, method, session, target, wanted, flag);
    } else {
      reply_payload(*id, tag, static_cast<std::size_t>(size), tricky, session);
    }
  }

  void browser_command(std::int64_t id, std::string_view method, std::string_view session,
                       std::string_view target, std::string_view wanted, bool flag) {
    if (method == "Browser.getVersion")
      return reply(
          id,
          R"({"protocolVersion":"1.3","product":"Chrome/0.0.0.0","revision":"@0","userAgent":"cdp-echo","jsVersion":"0.0"})",
          session);
    if (method == "Target.getTargets") {
      std::string list = R"({"targetInfos":[)";
      for (auto const& t : browser_.targets)
        list += (list.back() == '[' ? "" : ",") + browser_.info(t, attached(t.id));
      return reply(id, list + "]}", session);
    }
    if (method == "Target.setDiscoverTargets") {
      if (flag)
        for (auto const& t : browser_.targets)
          event("Target.targetCreated",
                R"({"targetInfo":)" + browser_.info(t, attached(t.id)) + "}", session);
      return reply(id, "{}", session);
    }
    if (method == "Target.setAutoAttach") {
      if (flag && session.empty())
        for (auto const& t : browser_.targets) attach(t, session);
      return reply(id, "{}", session);
    }
    if (method == "Target.attachToBrowserTarget")
      return reply(id,
                   R"({"sessionId":")" + attach({browser_.guid, "browser", ""}, session) + "\"}",
                   session);
    if (method == "Target.attachToTarget") {
      for (auto const& t : browser_.targets)
        if (t.id == target)
          return reply(id, R"({"sessionId":")" + attach(t, session) + "\"}", session);
      return error(id, -32602, "No target with given id found", session);
    }
    if (method == "Target.detachFromTarget") {
      auto const it = sessions_.find(std::string(wanted));
      if (it == sessions_.end()) return error(id, -32602, "No session with given id", session);
      event("Target.detachedFromTarget",
            R"({"sessionId":")" + it->first + R"(","targetId":")" + it->second + "\"}", session);
      sessions_.erase(it);
      --browser_.stats.sessions;
      return reply(id, "{}", session);
    }
    return reply(id, "{}", session);
  }

  bool attached(std::string const& target) const {
    for (auto const& [s, t] : sessions_)
      if (t == target) return true;
    return false;
  }
  std::string attach(Target const& t, std::string_view parent) {
    const std::string fresh = hex32();
    sessions_.emplace(fresh, t.id);
    ++browser_.stats.sessions;
    event("Target.attachedToTarget",
          R"({"sessionId":")" + fresh + R"(","targetInfo":)" + browser_.info(t, true) +
              R"(,"waitingForDebugger":false})",
          parent);
    return fresh;
  }

  static constexpr std::size_t kSegment = 256 << 10;
  static constexpr std::size_t kBorrowAbove = 64 << 10;
  static constexpr std::size_t kFloodWindow = 256 << 10;
  static constexpr std::size_t kHighWater = 64 << 20;

  Stream stream_;
  Browser& browser_;
  bool tls_;
  beast::flat_buffer http_buffer_{64 << 10};
  Reader reader_{true};
  std::unordered_map<std::string, std::string> sessions_;  // session id -> target id
  std::deque<Flood> floods_;
  std::deque<Segment> out_, in_flight_;
  std::vector<asio::const_buffer> buffers_;
  std::string scratch_;
  std::size_t queued_ = 0;
  bool writing_ = false, failed_ = false;
  asio::steady_timer drained_;
};

awaitable<void> accept_loop(tcp::acceptor& acceptor, Browser& browser, ssl::context* tls) {
  for (;;) {
    boost::system::error_code ec;
    tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(use_awaitable, ec));
    if (ec == asio::error::operation_aborted) co_return;
    if (ec) continue;
    socket.set_option(tcp::no_delay(true));
    auto start = [&](auto connection) {
      asio::co_spawn(acceptor.get_executor(), connection->run(), asio::detached);
    };
    if (tls) {
      using Tls = ssl::stream<tcp::socket>;
      start(std::make_shared<Connection<Tls>>(Tls(std::move(socket), *tls), browser, true));
    } else {
      start(std::make_shared<Connection<tcp::socket>>(std::move(socket), browser, false));
    }
  }
}

Options parse(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (i + 1 >= argc) throw std::invalid_argument("missing value for " + flag);
    const std::string value = argv[++i];
    if (flag == "--port")
      o.port = static_cast<unsigned short>(std::stoi(value));
    else if (flag == "--targets")
      o.targets = std::stoi(value);
    else if (flag == "--max-seconds")
      o.max_seconds = std::stoi(value);
    else if (flag == "--tls-cert")
      o.cert = value;
    else if (flag == "--tls-key")
      o.key = value;
    else
      throw std::invalid_argument("unknown flag " + flag);
  }
  return o;
}

}  // namespace

int main(int argc, char** argv) try {
  const Options options = parse(argc, argv);
  asio::io_context io(1);
  Browser browser(options.targets);
  std::unique_ptr<ssl::context> tls;
  if (!options.cert.empty()) {
    tls = std::make_unique<ssl::context>(ssl::context::tls_server);
    tls->use_certificate_chain_file(options.cert);
    tls->use_private_key_file(options.key, ssl::context::pem);
  }
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), options.port});
  acceptor.listen(4096);
  asio::co_spawn(io, accept_loop(acceptor, browser, tls.get()), asio::detached);

  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](auto, int) { io.stop(); });
  asio::steady_timer limit(io, std::chrono::seconds(options.max_seconds));
  limit.async_wait([&](auto) { io.stop(); });

  std::printf("listening on %s://127.0.0.1:%u/devtools/browser/%s\n", tls ? "wss" : "ws",
              acceptor.local_endpoint().port(), browser.guid.c_str());
  std::fflush(stdout);
  io.run();
  return 0;
} catch (std::exception const& e) {
  std::fprintf(stderr, "cdp-echo: %s\n", e.what());
  return 2;
}
