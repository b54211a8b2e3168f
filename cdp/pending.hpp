#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"

namespace bridge::cdp {

/// A command on its way: who asked, under which id, on which session.
struct Pending {
  ClientId client{};           ///< 0: ourselves
  std::int32_t client_id = 0;  ///< the asker's id
  std::uint64_t session = 0;   ///< Session::number
  std::uint32_t bytes = 0;     ///< of the client's frame, as Flow counts them
};

/// Upstream ids and what they stand for. Ids are int32 as Chrome demands, from 1 to 2147483647,
/// then again from 1; one still pending is skipped. Constant time, no allocation unless more
/// commands are in flight than ever before.
class PendingTable {
 public:
  explicit PendingTable(std::int32_t first_id = 1) : next_(first_id), slots_(64) {}

  [[nodiscard]] std::int32_t add(Pending pending);
  /// Null for an id that is not pending. Until the next call.
  [[nodiscard]] Pending const* find(std::int32_t id);
  /// Takes the entry out; none for an id that is not pending.
  [[nodiscard]] std::optional<Pending> take(std::int32_t id);
  /// Takes out every entry for which `gone` is true and hands it to `each` with its id.
  template <class Gone, class Each>
  void purge(Gone gone, Each each) {
    for (auto& slot : slots_) {
      if (slot.id == 0 || !gone(slot.pending)) continue;
      auto const id = slot.id;
      auto const pending = slot.pending;
      slot.id = 0;
      --size_;
      each(id, pending);
    }
  }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Slot {
    std::int32_t id = 0;  // 0: free
    Pending pending;
  };
  Slot& slot_of(std::int32_t id) {
    return slots_[static_cast<std::uint32_t>(id) & (slots_.size() - 1)];
  }
  void grow();

  std::int32_t next_;
  std::vector<Slot> slots_;  // power of two; an id lives at its low bits
  std::size_t size_ = 0;
};

/// The last few commands that will most likely never be answered, and may be refused.
class LatePending {
 public:
  static constexpr std::size_t kMax = 1024;

  void add(std::int32_t id, Pending pending);
  [[nodiscard]] std::optional<Pending> take(std::int32_t id);

 private:
  std::unordered_map<std::int32_t, Pending> entries_;
  std::deque<std::int32_t> order_;  // oldest first; may name what was taken
};

}  // namespace bridge::cdp
