#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "local/cdp_connection.hpp"
#include "local/runtimes.hpp"

namespace bridge::local {

/// Which page: the one in front, a new one, or one of the open ones.
struct PageChoice {
  enum class Kind { active, fresh, target };
  Kind kind = Kind::active;
  std::string target;  ///< of Kind::target
};

/// A page of a run's browser, brought to the front and driven on a connection of our own. What it
/// runs in documents runs in isolated worlds. Nobody is there to answer the page's dialogs, so they
/// are dismissed, but for the question whether to leave it.
///
///   BrowserPage page(loop);
///   auto opened = co_await page.open(runtimes, runtime, choice);
///   ...
///   co_await page.close();   // always, before it goes
class BrowserPage final : private CdpListener {
 public:
  explicit BrowserPage(net::Loop& loop) : cdp_(loop, this) {}

  /// not_found when the chosen target is not open, end_of_stream when the run is over.
  awaitable<Result<void>> open(Runtimes& runtimes, RuntimeId runtime, PageChoice choice);
  awaitable<void> close() { return cdp_.close(); }
  [[nodiscard]] std::string const& target() const { return target_; }

  /// In the page's session.
  awaitable<Result<Json>> call(std::string method, Json params);
  awaitable<Result<Json>> call(std::string method) {
    Json const none;
    return call(std::move(method), none);
  }

  /// A document of the page: its own, or that of an iframe, which may live in another process.
  struct Frame {
    std::string session;
    std::int64_t context = 0;
  };
  /// The page's own document.
  awaitable<Result<Frame>> main_frame();
  /// The document in the iframe that `selector` finds; not_found when it finds none.
  awaitable<Result<Frame>> child_frame(Frame parent, std::string selector);

  /// Calls a function of page/element.js: ask(frame, "inspect", {selector, needs}).
  awaitable<Result<Json>> ask(Frame frame, std::string function, Json arguments);

 private:
  [[nodiscard]] bool wants(std::string_view method, std::size_t bytes) override;
  void on_event(CdpEvent const& event) override;
  awaitable<Result<std::string>> choose(Runtimes& runtimes, RuntimeId runtime, PageChoice choice);
  awaitable<Result<Frame>> world_elsewhere(std::string frame);
  awaitable<Result<Frame>> world_of(std::string session, std::string frame);

  CdpConnection cdp_;
  std::string target_;
  std::string session_;
  std::map<std::string, std::string> sessions_;  // of frames in other processes
};

}  // namespace bridge::local
