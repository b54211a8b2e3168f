#pragma once

#include <utility>

namespace bridge {

/// Runs `f` when the scope ends, also when a cancelled co_await throws past it.
template <class F>
class [[nodiscard]] scope_exit {
 public:
  explicit scope_exit(F f) : f_(std::move(f)) {}
  scope_exit(scope_exit const&) = delete;
  scope_exit& operator=(scope_exit const&) = delete;
  ~scope_exit() { f_(); }

 private:
  F f_;
};

}  // namespace bridge
