#pragma once

#include <set>
#include <string>

#include "local/errors.hpp"
#include "local/store.hpp"
#include "net/loop.hpp"
#include "net/tasks.hpp"

namespace bridge::local {

/// What an Idempotency-Key promises: the same key with the same request gets the first success
/// again, also after a restart; with another request it is a conflict. Failures are not kept: the
/// next try is a new one.
class Idempotency {
 public:
  static constexpr std::size_t kKeyMax = 200;

  Idempotency(net::Loop& loop, Store& store) : store_(store), settled_(loop.executor()) {}

  /// `work`'s reply, or the one kept for `key`. `request` is what must be equal: method, target,
  /// body. While one call works on a key, others with it wait. 400 for a key of a bad length, 409
  /// idempotency.mismatch.
  awaitable<Outcome<net::HttpReply>> once(std::string key, std::string request,
                                          awaitable<Outcome<net::HttpReply>> work);

 private:
  Store& store_;
  std::set<std::string> working_;
  net::Broadcast settled_;
};

}  // namespace bridge::local
