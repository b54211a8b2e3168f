#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/log.hpp"
#include "base/scope_exit.hpp"
#include "local/activity.hpp"
#include "local/store.hpp"
#include "net/loop.hpp"
#include "net/tasks.hpp"

namespace bridge::local {

/// A file that a browser has downloaded, kept in the run's downloads directory.
struct Download {
  RunId run;
  std::filesystem::path path;
  std::string name;  ///< what the site suggests; may hold anything
  std::string url;
  std::uint64_t bytes = 0;
};

/// What happens in runs, on its way into the store and to those who watch. One for the backend.
class RunFeed {
 public:
  RunFeed(net::Loop& loop, Store& store) : store_(store), news_(loop.executor()) {}

  /// Takes a finished download into the files; its id there, if that went well. None: nobody keeps
  /// files.
  std::function<awaitable<std::optional<std::string>>(Download)> on_download;

  /// Writes them in one transaction and in order. A disk that fails loses them; the log says so.
  void add(std::span<Event const> events);
  /// A line for the activity of `run`.
  void add_activity(RunId const& run, Activity const& activity);

  /// Somebody else has written about a run: it began or ended.
  void tell();
  /// Changes with every piece of news: whoever has to suspend between looking and waiting compares.
  [[nodiscard]] std::uint64_t version() const { return version_; }
  /// Ends when anything has been written about any run.
  awaitable<void> news() { return news_.wait(); }

  /// Somebody watches a run until the token goes.
  [[nodiscard]] auto watch() {
    ++watchers_;
    return scope_exit([this] {
      --watchers_;
      news_.notify_all();
    });
  }
  /// Ends when nobody watches any more: who watches a run leaves by himself when it has ended.
  awaitable<void> unwatched();

 private:
  Store& store_;
  Log log_{"local"};
  std::uint64_t version_ = 0;
  std::size_t watchers_ = 0;
  net::Broadcast news_;
};

}  // namespace bridge::local
