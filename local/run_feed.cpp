#include "local/run_feed.hpp"

namespace bridge::local {

void RunFeed::add(std::span<Event const> events) {
  try {
    store_.add(events);
  } catch (StoreFailure const& failure) {
    log_.error("{} events could not be written down: {}", events.size(), failure.what());
  }
  tell();
}

void RunFeed::tell() {
  ++version_;
  news_.notify_all();
}

awaitable<void> RunFeed::unwatched() {
  while (!watched_.empty()) co_await news_.wait();
}

awaitable<void> RunFeed::watched(RunId run) {
  while (!is_watched(run)) co_await came_.wait();
}

void RunFeed::add_activity(RunId const& run, Activity const& activity) {
  Event const row = activity_row(run, activity, now());
  add(std::span(&row, 1));
}

}  // namespace bridge::local
