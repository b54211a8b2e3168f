#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "local/json.hpp"
#include "net/dial.hpp"
#include "net/tasks.hpp"

namespace bridge::local {

/// Something that Chromium says unasked. Lasts for the call that brings it.
struct CdpEvent {
  std::string_view method;   ///< "Page.frameNavigated"
  std::string_view session;  ///< of a flat session; empty: the connection's own root
  Json const& params;
};

/// Who hears what one CdpConnection says. Called synchronously on the loop: be quick, never wait.
class CdpListener {
 public:
  virtual ~CdpListener() = default;
  /// Asked before an event of `bytes` bytes is parsed: false for those you ignore saves most of
  /// their cost.
  [[nodiscard]] virtual bool wants([[maybe_unused]] std::string_view method,
                                   [[maybe_unused]] std::size_t bytes) {
    return true;
  }
  virtual void on_event(CdpEvent const& event) = 0;
  /// The browser has gone or has cut us off. No event comes any more.
  virtual void on_end() {}
};

/// A CDP connection of the backend's own to the browser endpoint of a Chromium. It is never the
/// controller: it takes no lock and Runtimes does not count it. Everybody who attaches to targets
/// opens one of their own, so that nobody hears the sessions of others.
///
///   CdpConnection cdp(loop, &listener);
///   auto const open = co_await cdp.open(devtools);
///   Json const params{{"targetId", id}};
///   auto const closed = co_await cdp.call("Target.closeTarget", params);
///   ... co_await cdp.close();                           // always, before it goes
///
/// Name the params before the call: g++ 12 destroys braced temporaries of an awaited call twice.
class CdpConnection final : private net::WsReceiver {
 public:
  static constexpr Duration kCallLimit = 30s;
  /// As much as Chromium itself puts into a message. A page decides how large an event becomes, and
  /// none may cost us the connection.
  static constexpr std::size_t kMessageMax = 256ULL << 20;

  /// `listener` may be none, and else outlives close().
  explicit CdpConnection(net::Loop& loop, CdpListener* listener = nullptr);
  ~CdpConnection() override;

  /// Dials, once. `devtools` is Chromium::devtools().
  awaitable<Result<void>> open(net::Url devtools);

  /// Asks and waits for the answer's `result`. Any number may be under way. Errors: Errc::refused
  /// with Chromium's words, end_of_stream when the browser goes meanwhile, timed_out.
  awaitable<Result<Json>> call(std::string method, Json params, std::string session = {},
                               Duration limit = kCallLimit);
  awaitable<Result<Json>> call(std::string method);

  /// Asks without wanting to know the answer. Goes out in order with everything else.
  void post(std::string_view method, Json const& params, std::string_view session = {});

  /// False before open(), and once the browser has gone.
  [[nodiscard]] bool is_open() const { return open_; }
  /// Returns once the browser has gone or close() was called. At once when it never was open.
  awaitable<void> ended();
  /// Ends it: calls under way get end_of_stream. Returns when they have, and nothing of it is left.
  awaitable<void> close();

 private:
  struct Waiting;

  [[nodiscard]] std::uint64_t send(std::string_view method, Json const& params,
                                   std::string_view session);
  awaitable<Result<Json>> answer(Waiting& waiting, std::string what);
  awaitable<void> run();
  void on_message(net::WsOpcode kind, std::span<char> payload) override;
  void on_reply(Json& message);

  net::Loop& loop_;
  CdpListener* listener_;
  std::unique_ptr<net::WsStream> ws_;
  bool open_ = false;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Waiting*> waiting_;  // each is owned by its call()
  net::Broadcast answered_;                    // no call is under way any more
  net::Tasks tasks_;
};

}  // namespace bridge::local
