#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/types.hpp"

namespace bridge {

/// Exit codes of the program. Scripts rely on them; docs/errors.md explains each.
namespace exit_code {
inline constexpr int ok = 0;
inline constexpr int failure = 1;
inline constexpr int usage = 2;
inline constexpr int configuration = 3;
inline constexpr int authentication = 4;
inline constexpr int no_daemon = 5;
inline constexpr int controller_busy = 6;
inline constexpr int quota = 7;
inline constexpr int unavailable = 8;
inline constexpr int timed_out = 9;
}  // namespace exit_code

/// A kind of refusal: its stable code, what it means, what to do, and how HTTP and the shell say
/// it.
struct FailureKind {
  std::string_view code;
  std::string_view meaning;
  std::string_view way_out;
  unsigned http_status;
  int exit;
};

/// All kinds, for `bctrl-bridge explain`.
[[nodiscard]] std::span<FailureKind const> failure_kinds();
/// None for an unknown code. Case does not matter.
[[nodiscard]] FailureKind const* find_failure(std::string_view code);

/// Why a bridge cannot serve. Printed, sent to clients, kept for status: never holds a secret.
struct Failure {
  std::string code;  ///< of failure_kinds()
  std::string message;
  std::string request_id;     ///< of the API, when it answered
  bool nobody_there = false;  ///< the host is there, and nothing listens at the port
  /// Trying again after so long may help: what the API asks for with 429 or 503.
  std::optional<std::chrono::milliseconds> retry_after;

  Failure() = default;
  Failure(std::string_view code_, std::string message_)
      : code(code_), message(std::move(message_)) {}

  [[nodiscard]] FailureKind const& kind() const;
  /// "[CONTROLLER_BUSY] message (request req_1)"
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::string_view way_out() const { return kind().way_out; }
};

/// What an API error means for a bridge.
[[nodiscard]] Failure failure_of(api::ApiError const& error, std::string_view doing);

template <class T = void>
using FailureOr = boost::system::result<T, Failure>;

[[noreturn]] void throw_exception_from_error(Failure const& failure,
                                             boost::source_location const& where);

}  // namespace bridge
