#include "cdp/pending.hpp"

#include <limits>
#include <utility>

namespace bridge::cdp {
namespace {

std::int32_t after(std::int32_t id) {
  return id == std::numeric_limits<std::int32_t>::max() ? 1 : id + 1;
}

}  // namespace

std::int32_t PendingTable::add(Pending pending) {
  // Half full at most: a few old entries then cost a few skipped ids, not a search.
  if (2 * size_ >= slots_.size()) grow();
  while (slot_of(next_).id != 0) next_ = after(next_);
  auto const id = next_;
  next_ = after(next_);
  slot_of(id) = {id, pending};
  ++size_;
  return id;
}

Pending const* PendingTable::find(std::int32_t id) {
  if (id <= 0) return nullptr;
  auto const& slot = slot_of(id);
  return slot.id == id ? &slot.pending : nullptr;
}

std::optional<Pending> PendingTable::take(std::int32_t id) {
  if (id <= 0) return std::nullopt;
  auto& slot = slot_of(id);
  if (slot.id != id) return std::nullopt;
  slot.id = 0;
  --size_;
  return slot.pending;
}

void PendingTable::grow() {
  // Ids that differ in the low bits still differ in more of them: no two old entries can meet.
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (auto const& slot : old)
    if (slot.id != 0) slot_of(slot.id) = slot;
}

void LatePending::add(std::int32_t id, Pending pending) {
  entries_.insert_or_assign(id, pending);
  order_.push_back(id);
  if (order_.size() <= kMax) return;
  entries_.erase(order_.front());
  order_.pop_front();
}

std::optional<Pending> LatePending::take(std::int32_t id) {
  auto const found = entries_.extract(id);
  if (found.empty()) return std::nullopt;
  return found.mapped();
}

}  // namespace bridge::cdp
