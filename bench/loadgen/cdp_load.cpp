// cdp-load: bounded load against a CDP WebSocket endpoint, with every reply checked.
//
//   --mode echo      commands in flight per client kept at --depth (default)
//   --mode events    each client asks for --count events of --size bytes, --rounds times
//   --mode idle      connects --clients clients (attached with --attach) and holds them
//   --duration-ms
//   --mode connect   connect + upgrade + one round trip + close, --clients at a time, --count in
//   all
//   --mode evaluate  Runtime.evaluate against a real browser page (needs --attach page)
//   --mode screenshot  Page.captureScreenshot against a real browser page (needs --attach page)
//
// --pid P[,P] adds the CPU and memory those processes used; naming the wrong process is an error.
// Prints one JSON line; exits 1 when a check failed, 2 when the run could not measure what was
// asked. Loopback only, always bounded in time.
#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstdio>
#include <deque>
#include <memory>
#include <vector>

#include "stats.hpp"
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
using Clock = std::chrono::steady_clock;

struct Options {
  std::string url = "ws://127.0.0.1:9333/devtools/browser";
  std::string mode = "echo", attach = "none", order = "id-first", kind = "plain", label;
  int clients = 1, depth = 1, rounds = 1, max_seconds = 60;
  std::size_t size = 200, command_bytes = 100;
  std::int64_t count = 0;  // 0: run for duration_ms
  int duration_ms = 2000, warmup_ms = 200;
  std::vector<int> pids;

  bool tls = false;
  std::string host, port, path;
};

struct Errors {
  std::uint64_t connect = 0, protocol = 0, wrong_id = 0, wrong_session = 0, corrupt = 0,
                duplicated = 0, reordered = 0, lost = 0, refused = 0, stray_events = 0, closed = 0;
  std::uint64_t total() const {
    return connect + protocol + wrong_id + wrong_session + corrupt + duplicated + reordered + lost +
           refused + stray_events + closed;
  }
};

std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
          .count());
}

// What all clients share: the measured window, its tallies and the stop signal.
class Run {
 public:
  explicit Run(Options const& o) : options(o) {}

  Options const& options;
  Errors errors;
  Histogram latency;
  std::uint64_t messages = 0, bytes = 0;  // within the measured window
  bool measuring = false, stopping = false;
  std::uint64_t began = 0, ended = 0;
  Usage before, after;
  bool watched = true;

  void open() {
    if (measuring || stopping) return;
    before = read_usage();
    measuring = true;
    began = now_ns();
  }
  void close() {
    if (stopping) return;
    ended = now_ns();
    stopping = true;
    if (measuring) after = read_usage();
    measuring = false;
  }
  // Work was done yet the watched processes did none of it: they are not what served the endpoint.
  bool unwatched() const {
    return !options.pids.empty() && (!watched || (messages > 0 && after.cpu_ns <= before.cpu_ns));
  }
  void note(std::uint64_t sent_at, std::uint64_t now, std::size_t size) {
    if (!measuring) return;
    ++messages;
    bytes += size;
    latency.add(now - sent_at);
    if (options.count > 0 && options.mode != "events" &&
        static_cast<std::int64_t>(messages) >= options.count)
      close();
  }

 private:
  Usage read_usage() {
    try {
      return sample(options.pids);
    } catch (std::exception const& e) {
      std::fprintf(stderr, "cdp-load: %s\n", e.what());
      watched = false;
      return {};
    }
  }
};

template <class Stream>
class Client : public std::enable_shared_from_this<Client<Stream>> {
 public:
  Client(Stream stream, Run& run, int number)
      : stream_(std::move(stream)), run_(run), o_(run.options), number_(number) {}

  // Connects, upgrades and, when asked to, attaches. False (and counted) on failure.
  awaitable<bool> start(tcp::endpoint const& where) {
    try {
      auto& socket = beast::get_lowest_layer(stream_);
      co_await socket.async_connect(where, use_awaitable);
      socket.set_option(tcp::no_delay(true));
      if constexpr (requires { stream_.async_handshake(ssl::stream_base::client, use_awaitable); })
        co_await stream_.async_handshake(ssl::stream_base::client, use_awaitable);
      co_await upgrade();
    } catch (std::exception const& e) {
      complain("connect", e.what());
      ++run_.errors.connect;
      co_return false;
    }
    try {
      if (o_.attach != "none") co_await attach();
      co_return true;
    } catch (std::exception const& e) {
      complain("attach", e.what());
      ++run_.errors.refused;
      co_return false;
    }
  }

  awaitable<void> drive() {
    auto self = this->shared_from_this();
    try {
      top_up();
      co_await send();
      while (!done()) {
        co_await receive();
        const std::uint64_t now = now_ns();
        while (auto m = reader_.next()) handle(*m, now);
        if (!run_.stopping) top_up();
        co_await send();
      }
    } catch (ProtocolError const& e) {
      complain("protocol", e.what());
      ++run_.errors.protocol;
    } catch (std::exception const& e) {
      if (!aborted_) {
        complain("closed", e.what());
        ++run_.errors.closed;
      }
    }
    for (auto const& f : in_flight_) run_.errors.lost += f.answered ? 0 : 1;
    if (o_.mode == "events" && !in_flight_.empty())
      run_.errors.lost += static_cast<std::uint64_t>(o_.count - event_seq_);
    shut();
  }

  // Nothing may arrive on an idle client; just keep reading until told to stop.
  awaitable<void> hold() {
    auto self = this->shared_from_this();
    try {
      while (!run_.stopping) {
        co_await receive();
        while (auto m = reader_.next()) {
          if (m->op == Op::ping)
            append_masked(out_, Op::pong, m->payload, key());
          else if (m->op == Op::close)
            throw std::runtime_error("closed by peer");
          else if (!is_target_event(m->payload))
            ++run_.errors.stray_events;
        }
        co_await send();
      }
    } catch (std::exception const& e) {
      if (!aborted_) ++run_.errors.closed;
    }
    shut();
  }

  awaitable<void> one_round_trip() {
    try {
      top_up();
      co_await send();
      while (!in_flight_.empty()) {
        co_await receive();
        while (auto m = reader_.next()) handle(*m, now_ns());
      }
    } catch (std::exception const& e) {
      complain("round trip", e.what());
      ++run_.errors.closed;
    }
    shut();
  }

  void abort() {
    aborted_ = true;
    shut();
  }

 private:
  struct InFlight {
    std::uint64_t sent_at;
    bool answered;
  };

  void complain(char const* what, char const* why) {
    if (run_.errors.total() < 5)
      std::fprintf(stderr, "cdp-load: client %d: %s: %s\n", number_, what, why);
  }
  void shut() {
    boost::system::error_code ignored;
    beast::get_lowest_layer(stream_).close(ignored);
  }
  std::uint32_t key() { return static_cast<std::uint32_t>(rng()()); }

  awaitable<void> upgrade() {
    unsigned char nonce[16];
    for (auto& b : nonce) b = static_cast<unsigned char>(rng()());
    const std::string handshake_key = base64(nonce, sizeof nonce);
    http::request<http::empty_body> req{http::verb::get, o_.path, 11};
    req.set(http::field::host, o_.host + ":" + o_.port);
    req.set(http::field::upgrade, "websocket");
    req.set(http::field::connection, "Upgrade");
    req.set(http::field::sec_websocket_version, "13");
    req.set(http::field::sec_websocket_key, handshake_key);
    co_await http::async_write(stream_, req, use_awaitable);
    beast::flat_buffer buffer;
    http::response_parser<http::empty_body> parser;
    parser.skip(true);
    co_await http::async_read_header(stream_, buffer, parser, use_awaitable);
    auto const& res = parser.get();
    if (res.result_int() != 101)
      throw std::runtime_error("HTTP " + std::to_string(res.result_int()));
    if (res[http::field::sec_websocket_accept] != accept_for(handshake_key))
      throw std::runtime_error("bad accept key");
    auto const rest = buffer.data();
    reader_.feed({static_cast<char const*>(rest.data()), rest.size()});
  }

  // One command outside the measured flow, for the attach dance.
  awaitable<std::string> call(std::string_view method, std::string params) {
    const std::int64_t id = next_id_++;
    first_id_ = next_id_;
    append_masked(out_, Op::text,
                  R"({"id":)" + std::to_string(id) + R"(,"method":")" + std::string(method) +
                      R"(","params":)" + params + "}",
                  key());
    co_await send();
    for (;;) {
      while (auto m = reader_.next()) {
        if (m->op == Op::close) throw std::runtime_error("closed during " + std::string(method));
        if (m->op != Op::text) continue;
        std::string_view k, v, result;
        std::optional<std::int64_t> got;
        for (Members members(m->payload); members.next(k, v);) {
          if (k == "id") got = integer(v);
          if (k == "result") result = v;
        }
        if (got == id) {
          if (result.empty()) throw std::runtime_error(std::string(m->payload));
          co_return std::string(result);
        }
      }
      co_await receive();
    }
  }

  awaitable<void> attach() {
    std::string result;
    if (o_.attach == "browser") {
      result = co_await call("Target.attachToBrowserTarget", "{}");
    } else {
      result = co_await call("Target.getTargets", "{}");
      std::vector<std::string> pages;
      std::string_view k, v, info;
      for (Members reply(result); reply.next(k, v);) {
        if (k != "targetInfos") continue;
        for (Members list(v); list.next(info);) {
          std::string_view id, type, value;
          for (Members m(info); m.next(k, value);) {
            if (k == "targetId") id = unquote(value);
            if (k == "type") type = unquote(value);
          }
          if (type == "page") pages.emplace_back(id);
        }
      }
      if (pages.empty()) throw std::runtime_error("no page target");
      auto const& page = pages[static_cast<std::size_t>(number_) % pages.size()];
      result = co_await call("Target.attachToTarget",
                             R"({"targetId":")" + page + R"(","flatten":true})");
    }
    std::string_view k, v;
    for (Members m(result); m.next(k, v);)
      if (k == "sessionId") session_ = unquote(v);
    if (session_.empty()) throw std::runtime_error("no session id");
  }

  bool done() const {
    if (o_.mode == "events") return in_flight_.empty() && (rounds_ >= o_.rounds || run_.stopping);
    return run_.stopping && in_flight_.empty();
  }

  std::string params(std::int64_t id) const {
    if (o_.mode == "events")
      return R"({"count":)" + std::to_string(o_.count) + R"(,"size":)" + std::to_string(o_.size) +
             "}";
    if (o_.mode == "evaluate") return R"({"expression":"1+1"})";
    if (o_.mode == "screenshot") return R"({"format":"png"})";
    std::string p = R"({"tag":")" + tag(id) + R"(","size":)" + std::to_string(o_.size);
    if (tricky()) p += R"(,"kind":"tricky")";
    return p + "}";
  }
  std::string_view method() const {
    if (o_.mode == "events") return "Bench.emit";
    if (o_.mode == "evaluate") return "Runtime.evaluate";
    if (o_.mode == "screenshot") return "Page.captureScreenshot";
    return "Bench.echo";
  }
  std::string tag(std::int64_t id) const {
    return std::to_string(number_) + "-" + std::to_string(id);
  }
  bool tricky() const { return o_.kind == "tricky"; }

  void top_up() {
    const std::size_t depth =
        o_.mode == "events" || o_.mode == "connect" ? 1 : static_cast<std::size_t>(o_.depth);
    const std::uint64_t now =
        in_flight_.size() < depth ? now_ns() : 0;  // one clock reading per batch
    while (in_flight_.size() < depth) {
      if (o_.mode == "events" && rounds_ >= o_.rounds) return;
      if (o_.mode == "connect" && rounds_ >= 1) return;
      ++rounds_;
      event_seq_ = 0;
      bool const id_first = o_.order != "id-last";
      const std::int64_t number = next_id_++;
      const std::string id = R"("id":)" + std::to_string(number);
      std::string text = "{" + (id_first ? id + "," : "") + R"("method":")" +
                         std::string(method()) + R"(","params":)";
      std::string p = params(number), tail = id_first ? "" : "," + id;
      if (!session_.empty()) tail += R"(,"sessionId":")" + session_ + "\"";
      tail += '}';
      static constexpr std::string_view kPad = R"(,"pad":"")";
      const std::size_t bare = text.size() + p.size() + tail.size() + kPad.size();
      if (o_.mode == "echo" && o_.command_bytes > bare)
        p.insert(p.size() - 1, R"(,"pad":")" + std::string(o_.command_bytes - bare, 'p') + "\"");
      text += p + tail;
      append_masked(out_, Op::text, text, key());
      in_flight_.push_back({now, false});
    }
  }

  static bool is_target_event(std::string_view text) {
    return text.starts_with(R"({"method":"Target.)");
  }

  void handle(Reader::Message const& m, std::uint64_t now) {
    if (m.op == Op::ping) return append_masked(out_, Op::pong, m.payload, key());
    if (m.op == Op::pong) return;
    if (m.op == Op::close) throw std::runtime_error("closed by peer");
    std::string_view k, v, result, session, method, params;
    std::optional<std::int64_t> id;
    bool failed = false;
    for (Members members(m.payload); members.next(k, v);) {
      if (k == "id")
        id = integer(v);
      else if (k == "result")
        result = v;
      else if (k == "error")
        failed = true;
      else if (k == "sessionId")
        session = unquote(v);
      else if (k == "method")
        method = unquote(v);
      else if (k == "params")
        params = v;
    }
    if (!id) return handle_event(method, params, session, m.payload.size(), now);
    if (session != session_) ++run_.errors.wrong_session;
    if (failed) {
      if (run_.errors.refused++ == 0)
        complain("error reply", std::string(m.payload.substr(0, 200)).c_str());
    }
    if (*id < first_id_) {
      ++run_.errors.duplicated;
      return;
    }
    auto const slot = static_cast<std::size_t>(*id - first_id_);
    if (slot >= in_flight_.size()) {
      ++run_.errors.wrong_id;
      return;
    }
    if (in_flight_[slot].answered) {
      ++run_.errors.duplicated;
      return;
    }
    for (std::size_t i = 0; i < slot; ++i)
      if (!in_flight_[i].answered) {
        ++run_.errors.reordered;
        break;
      }
    in_flight_[slot].answered = true;
    if (!failed && !verify(*id, result)) ++run_.errors.corrupt;
    if (o_.mode != "events") run_.note(in_flight_[slot].sent_at, now, m.payload.size());
    if (o_.mode == "events" && event_seq_ != o_.count)
      run_.errors.lost += static_cast<std::uint64_t>(o_.count - event_seq_);
    while (!in_flight_.empty() && in_flight_.front().answered) {
      in_flight_.pop_front();
      ++first_id_;
    }
  }

  bool verify(std::int64_t id, std::string_view result) {
    if (o_.mode == "events") return result == "{}";
    if (o_.mode == "evaluate") return result.find(R"("value":2)") != std::string_view::npos;
    if (o_.mode == "screenshot") return result.size() > 100;
    std::string_view k, v;
    bool tag_ok = false, data_ok = false;
    for (Members m(result); m.next(k, v);) {
      if (k == "tag") tag_ok = unquote(v) == tag(id);
      if (k == "data") data_ok = unquote(v) == payload(o_.size, tricky());
    }
    return tag_ok && data_ok;
  }

  void handle_event(std::string_view method, std::string_view params, std::string_view session,
                    std::size_t size, std::uint64_t now) {
    if (method.starts_with("Target.")) return;
    if (method != "Bench.event" || o_.mode != "events") {
      if (o_.mode != "evaluate" && o_.mode != "screenshot") ++run_.errors.stray_events;
      return;
    }
    if (session != session_) {
      ++run_.errors.wrong_session;
      return;
    }
    std::string_view k, v;
    std::int64_t seq = -1;
    bool intact = false;
    for (Members m(params); m.next(k, v);) {
      if (k == "seq") seq = integer(v).value_or(-1);
      if (k == "data") intact = unquote(v) == payload(v.size() - 2, false);
    }
    if (!intact) ++run_.errors.corrupt;
    if (seq < event_seq_)
      ++run_.errors.duplicated;
    else if (seq > event_seq_)
      run_.errors.lost += static_cast<std::uint64_t>(seq - event_seq_);
    event_seq_ = std::max(event_seq_, seq + 1);
    run_.note(in_flight_.empty() ? now : in_flight_.front().sent_at, now, size);
  }

  // Commands are small and a healthy peer keeps reading, so sending may come before receiving.
  awaitable<void> send() {
    if (out_.empty()) co_return;
    sending_.swap(out_);
    out_.clear();
    co_await asio::async_write(stream_, asio::buffer(sending_), use_awaitable);
    sending_.clear();
  }
  awaitable<void> receive() {
    auto [p, room] = reader_.prepare();
    reader_.commit(co_await stream_.async_read_some(asio::buffer(p, room), use_awaitable));
  }

  Stream stream_;
  Run& run_;
  Options const& o_;
  int number_;
  Reader reader_{false};
  std::string session_, out_, sending_;
  std::deque<InFlight> in_flight_;
  std::int64_t next_id_ = 1, first_id_ = 1, event_seq_ = 0;
  int rounds_ = 0;
  bool aborted_ = false;
};

template <class Stream, class Make>
class Driver {
 public:
  using C = Client<Stream>;
  Driver(asio::io_context& io, Run& run, tcp::endpoint where, Make make)
      : io_(io), run_(run), o_(run.options), where_(where), make_(make) {}

  void go() {
    asio::co_spawn(io_, o_.mode == "connect" ? churn() : fleet(), [this](std::exception_ptr e) {
      if (e) ++run_.errors.protocol;
      io_.stop();
    });
    limit_.expires_after(std::chrono::seconds(o_.max_seconds));
    limit_.async_wait([this](auto ec) {
      if (!ec) stop_all("time limit reached");
    });
    io_.run();
  }
  double connect_seconds = 0;

 private:
  awaitable<void> sleep(int ms) {
    asio::steady_timer t(io_, std::chrono::milliseconds(ms));
    co_await t.async_wait(use_awaitable);
  }

  void stop_all(char const* why) {
    std::fprintf(stderr, "cdp-load: %s\n", why);
    run_.close();
    for (auto& c : clients_) c->abort();
    limit_.expires_after(std::chrono::seconds(5));
    limit_.async_wait([this](auto ec) {
      if (!ec) io_.stop();
    });
  }

  awaitable<void> fleet() {
    const std::uint64_t from = now_ns();
    int starting = 0;
    for (int i = 0; i < o_.clients; ++i) {
      clients_.push_back(std::make_shared<C>(make_(), run_, i));
      ++starting;
      ++live_;
      asio::co_spawn(io_, clients_.back()->start(where_),
                     [this, &starting, c = clients_.back()](std::exception_ptr, bool ok) {
                       --starting;
                       if (!ok)
                         --live_;
                       else
                         ready_.push_back(c);
                     });
      while (starting >= 64) co_await sleep(1);
    }
    while (starting > 0) co_await sleep(1);
    connect_seconds = static_cast<double>(now_ns() - from) / 1e9;
    if (ready_.empty()) co_return;

    if (o_.mode == "idle") {
      for (auto& c : ready_)
        asio::co_spawn(io_, c->hold(), [this](std::exception_ptr) { --live_; });
      co_await sleep(o_.warmup_ms);
      run_.open();
      co_await sleep(o_.duration_ms);
      run_.close();
      for (auto& c : ready_) c->abort();
      while (live_ > 0) co_await sleep(1);
      co_return;
    }
    if (o_.mode == "events") run_.open();
    for (auto& c : ready_) asio::co_spawn(io_, c->drive(), [this](std::exception_ptr) { --live_; });
    if (o_.mode == "events") {
      while (live_ > 0) co_await sleep(1);
      run_.close();
      co_return;
    }
    co_await sleep(o_.warmup_ms);
    run_.open();
    if (o_.count == 0) {
      co_await sleep(o_.duration_ms);
      run_.close();
    }
    while (!run_.stopping && live_ > 0) co_await sleep(1);
    run_.close();
    for (int waited = 0; live_ > 0 && waited < 5000; ++waited) co_await sleep(1);
    for (auto& c : ready_) c->abort();
    for (int waited = 0; live_ > 0 && waited < 1000; ++waited) co_await sleep(1);
  }

  awaitable<void> churn() {
    run_.open();
    std::int64_t left = o_.count > 0 ? o_.count : 1000;
    int workers = o_.clients;
    for (int w = 0; w < o_.clients; ++w) {
      asio::co_spawn(
          io_,
          [this, &left, w]() -> awaitable<void> {
            while (left-- > 0 && !run_.stopping) {
              const std::uint64_t from = now_ns();
              auto c = std::make_shared<C>(make_(), run_, w);
              if (!co_await c->start(where_)) continue;
              co_await c->one_round_trip();
              latency_.add(now_ns() - from);
              ++done_;
            }
          },
          [&workers](std::exception_ptr) { --workers; });
    }
    while (workers > 0) co_await sleep(1);
    run_.close();
    run_.messages = done_;
    run_.latency = latency_;
  }

  asio::io_context& io_;
  Run& run_;
  Options const& o_;
  tcp::endpoint where_;
  Make make_;
  asio::steady_timer limit_{io_};
  std::vector<std::shared_ptr<C>> clients_, ready_;
  Histogram latency_;
  std::uint64_t done_ = 0;
  int live_ = 0;
};

Options parse(int argc, char** argv) {
  Options o;
  auto const number = [](std::string const& v) { return std::stoll(v); };
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (i + 1 >= argc) throw std::invalid_argument("missing value for " + flag);
    const std::string v = argv[++i];
    if (flag == "--url")
      o.url = v;
    else if (flag == "--mode")
      o.mode = v;
    else if (flag == "--attach")
      o.attach = v;
    else if (flag == "--order")
      o.order = v;
    else if (flag == "--kind")
      o.kind = v;
    else if (flag == "--label")
      o.label = v;
    else if (flag == "--clients")
      o.clients = static_cast<int>(number(v));
    else if (flag == "--depth")
      o.depth = static_cast<int>(number(v));
    else if (flag == "--rounds")
      o.rounds = static_cast<int>(number(v));
    else if (flag == "--size")
      o.size = static_cast<std::size_t>(number(v));
    else if (flag == "--command-bytes")
      o.command_bytes = static_cast<std::size_t>(number(v));
    else if (flag == "--count")
      o.count = number(v);
    else if (flag == "--duration-ms")
      o.duration_ms = static_cast<int>(number(v));
    else if (flag == "--warmup-ms")
      o.warmup_ms = static_cast<int>(number(v));
    else if (flag == "--max-seconds")
      o.max_seconds = static_cast<int>(number(v));
    else if (flag == "--pid") {
      for (std::size_t at = 0; at < v.size();) {
        auto const comma = std::min(v.find(',', at), v.size());
        o.pids.push_back(std::stoi(v.substr(at, comma - at)));
        at = comma + 1;
      }
    } else
      throw std::invalid_argument("unknown flag " + flag);
  }
  auto const is = [](std::string const& s, std::initializer_list<char const*> allowed) {
    for (const char* a : allowed)
      if (s == a) return true;
    return false;
  };
  if (!is(o.mode, {"echo", "events", "idle", "connect", "evaluate", "screenshot"}) ||
      !is(o.attach, {"none", "browser", "page"}) || !is(o.order, {"id-first", "id-last"}) ||
      !is(o.kind, {"plain", "tricky"}))
    throw std::invalid_argument("unknown value for --mode, --attach, --order or --kind");
  if (o.clients < 1 || o.clients > 8192 || o.depth < 1 || o.depth > 200'000 || o.rounds < 1 ||
      o.rounds > 1'000'000 || o.count < 0 || o.count > 1'000'000'000 || o.max_seconds < 1 ||
      o.max_seconds > 600 || o.size > kMaxMessage / 2)
    throw std::invalid_argument("a limit is out of range");
  if (o.mode == "events" && o.count == 0)
    throw std::invalid_argument("--mode events needs --count");

  std::string rest = o.url;
  if (rest.starts_with("wss://"))
    o.tls = true;
  else if (!rest.starts_with("ws://"))
    throw std::invalid_argument("--url must be ws:// or wss://");
  rest.erase(0, o.tls ? 6 : 5);
  auto const slash = std::min(rest.find('/'), rest.size());
  o.path = slash < rest.size() ? rest.substr(slash) : "/";
  const std::string authority = rest.substr(0, slash);
  auto const colon = authority.rfind(':');
  if (colon == std::string::npos) throw std::invalid_argument("--url needs a port");
  o.host = authority.substr(0, colon);
  o.port = authority.substr(colon + 1);
  return o;
}

void report(Options const& o, Run const& run, double connect_seconds) {
  double const seconds =
      run.ended > run.began ? static_cast<double>(run.ended - run.began) / 1e9 : 0;
  double const per = run.messages ? 1.0 / static_cast<double>(run.messages) : 0;
  auto const& e = run.errors;
  std::printf(
      "{\"label\":\"%s\",\"mode\":\"%s\",\"clients\":%d,\"depth\":%d,\"size\":%zu,\"messages\":%"
      "llu,\"seconds\":%.3f,"
      "\"connect_s\":%.3f,\"msgs_per_s\":%.0f,\"mb_per_s\":%.2f,"
      "\"lat_us\":{\"mean\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}"
      ",",
      o.label.c_str(), o.mode.c_str(), o.clients, o.depth, o.size,
      static_cast<unsigned long long>(run.messages), seconds, connect_seconds,
      seconds > 0 ? static_cast<double>(run.messages) / seconds : 0,
      seconds > 0 ? static_cast<double>(run.bytes) / seconds / 1e6 : 0, run.latency.mean_us(),
      run.latency.quantile_us(.5), run.latency.quantile_us(.9), run.latency.quantile_us(.99),
      run.latency.quantile_us(.999), run.latency.max_us());
  std::printf(
      "\"errors\":{\"total\":%llu,\"connect\":%llu,\"protocol\":%llu,\"wrong_id\":%llu,\"wrong_"
      "session\":%llu,"
      "\"corrupt\":%llu,\"duplicated\":%llu,\"reordered\":%llu,\"lost\":%llu,\"refused\":%llu,"
      "\"stray_events\":%llu,"
      "\"closed\":%llu}",
      static_cast<unsigned long long>(e.total()), static_cast<unsigned long long>(e.connect),
      static_cast<unsigned long long>(e.protocol), static_cast<unsigned long long>(e.wrong_id),
      static_cast<unsigned long long>(e.wrong_session), static_cast<unsigned long long>(e.corrupt),
      static_cast<unsigned long long>(e.duplicated), static_cast<unsigned long long>(e.reordered),
      static_cast<unsigned long long>(e.lost), static_cast<unsigned long long>(e.refused),
      static_cast<unsigned long long>(e.stray_events), static_cast<unsigned long long>(e.closed));
  if (!o.pids.empty() && run.unwatched()) {
    std::fprintf(stderr, "cdp-load: --pid does not name the process that served the load\n");
    std::printf(",\"proxy\":null");
  } else if (!o.pids.empty()) {
    auto const& a = run.after;
    auto const& b = run.before;
    std::printf(
        ",\"proxy\":{\"cpu_us_per_msg\":%.3f,\"cpu_s\":%.4f,\"user_ms\":%llu,\"system_ms\":%llu,"
        "\"switches_per_msg\":%.3f,\"rss_kb\":%llu,\"pss_kb\":%llu,\"peak_kb\":%llu}",
        static_cast<double>(a.cpu_ns - b.cpu_ns) / 1e3 * per,
        static_cast<double>(a.cpu_ns - b.cpu_ns) / 1e9,
        static_cast<unsigned long long>(a.user_ms - b.user_ms),
        static_cast<unsigned long long>(a.system_ms - b.system_ms),
        static_cast<double>(a.switches - b.switches) * per,
        static_cast<unsigned long long>(a.rss_kb), static_cast<unsigned long long>(a.pss_kb),
        static_cast<unsigned long long>(a.peak_kb));
  }
  std::printf("}\n");
}

}  // namespace

int main(int argc, char** argv) try {
  const Options options = parse(argc, argv);
  asio::io_context io(1);
  auto const found = tcp::resolver(io).resolve(options.host, options.port);
  tcp::endpoint where;
  for (auto const& entry : found)
    if (entry.endpoint().address().is_loopback()) where = entry.endpoint();
  if (where.port() == 0) throw std::invalid_argument("only loopback endpoints may be loaded");

  payload(options.size, options.kind == "tricky");  // build the pattern before the clock runs
  Run run(options);
  double connect_seconds = 0;
  if (options.tls) {
    ssl::context tls(ssl::context::tls_client);
    auto const make = [&] { return ssl::stream<tcp::socket>(io, tls); };
    Driver<ssl::stream<tcp::socket>, decltype(make)> driver(io, run, where, make);
    driver.go();
    connect_seconds = driver.connect_seconds;
    report(options, run, connect_seconds);
  } else {
    auto const make = [&] { return tcp::socket(io); };
    Driver<tcp::socket, decltype(make)> driver(io, run, where, make);
    driver.go();
    connect_seconds = driver.connect_seconds;
    report(options, run, connect_seconds);
  }
  if (run.unwatched()) return 2;
  return run.errors.total() == 0 && (run.messages > 0 || options.mode == "idle") ? 0 : 1;
} catch (std::exception const& e) {
  std::fprintf(stderr, "cdp-load: %s\n", e.what());
  return 2;
}
