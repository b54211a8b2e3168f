#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace bridge::local {

/// What stands in front of one part of a multipart/form-data body.
struct PartHead {
  std::string name;
  std::optional<std::string> filename;  ///< the last segment of it; none: a plain field
  std::string content_type;             ///< empty when not said
};

/// Takes the parts of a form as they come. An error ends the reading and is what its caller gets.
class PartReceiver {
 public:
  virtual ~PartReceiver() = default;
  virtual Result<void> begin_part(PartHead head) = 0;
  virtual Result<void> take(std::string_view bytes) = 0;
  virtual Result<void> end_part() = 0;
};

/// The boundary of a Content-Type of multipart/form-data; none when it is something else, or has no
/// proper one.
[[nodiscard]] std::optional<std::string> multipart_boundary(std::string_view content_type);

/// Reads a multipart/form-data body (RFC 7578) that comes in pieces of any size, and keeps no more
/// of it than a boundary's length or one part's headers.
class Multipart {
 public:
  struct Limits {
    std::size_t headers = 16 * 1024;  ///< of one part, in bytes
    std::size_t parts = 100;
  };

  Multipart(std::string_view boundary, PartReceiver& to, Limits limits);

  /// bad_message: no such form. too_large: past a limit. Not to be called after an error.
  [[nodiscard]] Result<void> feed(std::string_view bytes);
  /// The body has ended: bad_message unless the form has, too.
  [[nodiscard]] Result<void> finish() const;

 private:
  enum class State { preamble, behind_delimiter, headers, body, epilogue };
  [[nodiscard]] Result<bool> step();
  [[nodiscard]] Result<bool> find_delimiter();
  [[nodiscard]] Result<bool> behind_delimiter();
  [[nodiscard]] Result<bool> read_headers();

  std::string delimiter_;  // "\r\n--boundary"
  PartReceiver& to_;
  Limits limits_;
  State state_ = State::preamble;
  std::string buffer_ = "\r\n";  // the first delimiter may stand at the very beginning
  std::size_t skip_ = 0;         // bytes at the front that are no body
  std::size_t parts_ = 0;
};

}  // namespace bridge::local
