#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "base/log.hpp"
#include "base/scope_exit.hpp"
#include "local/activity.hpp"
#include "local/store.hpp"
#include "net/disk.hpp"
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
  RunFeed(net::Loop& loop, Store& store)
      : store_(store), news_(loop.executor()), came_(loop.executor()) {}

  /// Takes a finished download into the files; its id there, if that went well. None: nobody keeps
  /// files.
  std::function<awaitable<std::optional<std::string>>(Download)> on_download;
  /// Called before the end of a run is written down: what belongs to it ends first. None: nothing
  /// does.
  std::function<void(RunId const&)> on_ending;

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

  /// Somebody watches `run` until the token goes.
  [[nodiscard]] auto watch(RunId const& run) {
    watched_.insert(run);
    came_.notify_all();
    return scope_exit([this, run] {
      watched_.erase(watched_.find(run));
      news_.notify_all();
    });
  }
  [[nodiscard]] bool is_watched(RunId const& run) const { return watched_.contains(run); }
  /// Ends when somebody watches `run`.
  awaitable<void> watched(RunId run);
  /// Ends when nobody watches any more: who watches a run leaves by himself when it has ended.
  awaitable<void> unwatched();

  /// For copying what browsers have downloaded.
  [[nodiscard]] net::Disk& disk() { return disk_; }

 private:
  Store& store_;
  Log log_{"local"};
  std::uint64_t version_ = 0;
  std::multiset<RunId> watched_;  // once for everybody who does
  net::Broadcast news_;
  net::Broadcast came_;  // somebody who watches
  net::Disk disk_{4};    // a long copy does not keep the others waiting
};

}  // namespace bridge::local
