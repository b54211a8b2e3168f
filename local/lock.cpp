#include "local/lock.hpp"

namespace bridge::local {

std::string_view to_text(Controller kind) {
  switch (kind) {
    case Controller::cdp:
      return "cdp";
    case Controller::invocation:
      return "invocation";
    case Controller::human:
      return "human";
  }
  return "unknown";
}

std::variant<Lock::Lease, Lock::Busy> Lock::acquire(Controller kind, Timestamp when) {
  if (holder_) return *holder_;
  holder_ = Busy{kind, when, run_};
  return Lease{++lease_};
}

bool Lock::release(Lease lease) {
  if (!holder_ || lease != Lease{lease_}) return false;
  holder_.reset();
  return true;
}

}  // namespace bridge::local
