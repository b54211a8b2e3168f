#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_message.hpp"

namespace bridge::local {

/// A refusal as the contract words it. `code` is what clients branch on; `message` is for people.
struct Problem {
  unsigned status = 500;
  std::string code;
  std::string message;
  std::string hint;          ///< what to do next; may be empty
  std::string details;       ///< a JSON object as text; may be empty
  net::HttpHeaders headers;  ///< sent beside the body: Allow, Retry-After

  Problem() = default;
  Problem(unsigned status_, std::string code_, std::string message_, std::string hint_ = {})
      : status(status_),
        code(std::move(code_)),
        message(std::move(message_)),
        hint(std::move(hint_)) {}

  /// 400 request.invalid. `field` is the path of the culprit, "config.proxy.port".
  [[nodiscard]] static Problem invalid(std::string_view field, std::string message);
  /// 404 "<kind>.not_found".
  [[nodiscard]] static Problem not_found(std::string_view kind, std::string_view id);
  /// 405, with the methods this path knows.
  [[nodiscard]] static Problem wrong_method(std::string allow);
};

/// The contract's class of trouble for an HTTP status.
[[nodiscard]] std::string_view reason_class(unsigned status);

/// The contract's error body {error, code, reasonClass, hint?, requestId, details?}.
[[nodiscard]] net::HttpReply error_reply(Problem const& problem, std::string_view request_id);

/// A value, or why the caller does not get it.
template <class T = void>
using Outcome = boost::system::result<T, Problem>;

/// boost::system::result asks for this when value() is called on a Problem: a bug of ours.
[[noreturn]] void throw_exception_from_error(Problem const& problem,
                                             boost::source_location const& where);

}  // namespace bridge::local
