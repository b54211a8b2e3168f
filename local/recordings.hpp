#pragma once

#include <filesystem>
#include <list>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "local/frame_file.hpp"
#include "local/json.hpp"
#include "local/runtimes.hpp"
#include "local/store.hpp"
#include "net/tasks.hpp"

namespace bridge::local {

class Camera;

/// What the pages of runs looked like: one file of pictures for each run, kept as long as the run.
class Recordings {
 public:
  /// `directory` is made when it is needed. Not `enabled`: nothing new is recorded.
  Recordings(net::Loop& loop, Store& store, Runtimes& runtimes, std::filesystem::path directory,
             bool enabled);

  /// Records the runs that begin from now on.
  void start();
  /// When all runs have ended. For the end of life.
  awaitable<void> stop();
  /// Removes the recordings of runs that are not in the store any more.
  void sweep();

  struct State {
    std::string status;             ///< "not_available", "preparing" while the run goes on, "ready"
    std::optional<double> seconds;  ///< from the run's beginning to its end, or so far
  };
  [[nodiscard]] State state(Run const& run) const;
  /// {status, durationSeconds, times}: when each picture was taken, in seconds.
  [[nodiscard]] Json index(RunId const& run) const;
  /// A JPEG; none when there are not so many.
  [[nodiscard]] std::optional<std::string> picture(RunId const& run, std::size_t index) const;

 private:
  awaitable<void> follow();
  awaitable<void> record(RunId run, net::Url devtools);
  [[nodiscard]] std::filesystem::path file_of(RunId const& run) const;
  [[nodiscard]] std::vector<FrameFile::Frame> const& frames_of(RunId const& run) const;

  net::Loop& loop_;
  Store& store_;
  Runtimes& runtimes_;
  std::filesystem::path directory_;
  bool enabled_;
  Log log_{"local"};
  std::set<RunId> recorded_;  // those that are active: none is begun twice
  /// The frames of the recordings that were looked at last, the latest first.
  mutable std::list<std::pair<RunId, std::vector<FrameFile::Frame>>> known_;
  std::list<Camera*> cameras_;  // that are filming
  net::Tasks following_;
  net::Tasks recording_;  // each ends with its run's browser, or with us
};

}  // namespace bridge::local
