#include "local/event_budget.hpp"

#include <algorithm>
#include <utility>

namespace bridge::local {

bool EventBudget::allow(std::string_view method, Clock::time_point when) {
  if (last_) {
    std::chrono::duration<double> const passed = when - *last_;
    left_ = std::min(kBurst, left_ + passed.count() * kPerSecond);
  }
  last_ = when;
  if (left_ >= 1 && allowed_ < kMost) {
    left_ -= 1;
    ++allowed_;
    return true;
  }
  refuse(method);
  return false;
}

void EventBudget::refuse(std::string_view method) {
  auto const found = refused_.find(method);
  if (found == refused_.end())
    refused_.emplace(method, 1);
  else
    ++found->second;
}

std::map<std::string, std::uint64_t, std::less<>> EventBudget::take_refused() {
  return std::exchange(refused_, {});
}

}  // namespace bridge::local
