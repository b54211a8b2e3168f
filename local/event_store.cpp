#include "local/store.hpp"

namespace bridge::local {

void Store::add(std::span<Event const> events) {
  Transaction whole(*database_);
  for (auto const& event : events) add(event);
  whole.commit();
}

std::int64_t Store::count_events(RunId const& run) {
  // Rows of other types are lines of the activity, not events.
  auto statement =
      database_->statement("SELECT count(*) FROM events WHERE run_id = ? AND type <> 'activity'");
  statement.bind(run.value);
  return statement.next() ? statement.number(0) : 0;
}

}  // namespace bridge::local
