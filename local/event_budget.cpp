#include "local/event_budget.hpp"

#include <algorithm>
#include <utility>

namespace bridge::local {

bool EventBudget::allow(std::string_view method, std::size_t bytes, Clock::time_point when) {
  if (last_) {
    std::chrono::duration<double> const passed = when - *last_;
    left_ = std::min(kBurst, left_ + passed.count() * kPerSecond);
    bytes_left_ = std::min(kBurstBytes, bytes_left_ + passed.count() * kBytesPerSecond);
  }
  last_ = when;
  auto const size = static_cast<double>(bytes);
  if (allowed_ >= kMost || allowed_bytes_ >= kMostBytes) {
    refuse(method, Why::full);
  } else if (bytes > kLargest) {
    refuse(method, Why::too_large);
  } else if (left_ < 1 || bytes_left_ < size) {
    refuse(method, Why::too_fast);
  } else {
    left_ -= 1;
    bytes_left_ -= size;
    ++allowed_;
    allowed_bytes_ += bytes;
    return true;
  }
  return false;
}

void EventBudget::refuse(std::string_view method, Why why) {
  auto& counts = refused_[why];
  auto const found = counts.find(method);
  if (found == counts.end())
    counts.emplace(method, 1);
  else
    ++found->second;
}

std::map<EventBudget::Why, EventBudget::Counts> EventBudget::take_refused(bool at_the_end) {
  auto refused = std::exchange(refused_, {});
  auto const full = refused.find(Why::full);
  if (full == refused.end()) return refused;
  if (told_full_ && !at_the_end) refused_.insert(refused.extract(full));
  told_full_ = true;
  return refused;
}

}  // namespace bridge::local
