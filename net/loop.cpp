#include "net/loop.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace bridge::net {

Flushable::~Flushable() {
  if (!waits_) return;
  for (auto* list : {&loop_.early_, &loop_.late_, &loop_.flushing_})
    std::replace(list->begin(), list->end(), this, static_cast<Flushable*>(nullptr));
}

void Flushable::flush_soon() {
  if (waits_) return;
  waits_ = true;
  (early_ ? loop_.early_ : loop_.late_).push_back(this);
  if (!early_ || loop_.batches_ == 0) loop_.post_flush();
}

// Behind what is ready already.
void Loop::post_flush() {
  if (posted_) return;
  posted_ = true;
  asio::post(io_, [this] {
    posted_ = false;
    flush(early_);
    flush(late_);
  });
}

void Loop::end_batch() {
  if (--batches_ == 0) flush(early_);
}

void Loop::flush(std::vector<Flushable*>& list) {
  if (!flushing_.empty()) return post_flush();  // from within: what is new comes next
  flushing_.swap(list);
  for (auto& each : flushing_) {
    auto* const one = std::exchange(each, nullptr);
    if (one == nullptr) continue;
    one->waits_ = false;
    one->flush();
  }
  flushing_.clear();
}

}  // namespace bridge::net
