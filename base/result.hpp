#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <string>
#include <string_view>

namespace bridge {

/// Expected trouble that has no code of its own in the standard or in Asio.
enum class Errc {
  end_of_stream = 1,  ///< the peer ended the stream
  timed_out,          ///< a limit of ours ran out
  too_large,          ///< the peer sent more than we take
  bad_message,        ///< the peer broke its protocol
  bad_url,            ///< an address we cannot use
  refused,            ///< the peer answered, and the answer is no
  queue_full,         ///< the receiver does not keep up
  bad_certificate,    ///< TLS peer could not be verified
  not_found,          ///< a file, program or name is missing
  cancelled,          ///< our own side gave up
};

[[nodiscard]] boost::system::error_code make_error_code(Errc value) noexcept;

/// What went wrong and what was being done. `doing` never holds a secret: it is printed.
struct Error {
  boost::system::error_code code;
  std::string doing;
  bool told = false;  ///< `doing` is all there is to say

  Error() = default;
  Error(boost::system::error_code code_, std::string doing_)
      : code(code_), doing(std::move(doing_)) {}
  Error(Errc code_, std::string doing_) : code(make_error_code(code_)), doing(std::move(doing_)) {}

  /// `text` says it all and ends in the way out, "close it with: chmod 600 /x": nothing is put
  /// behind what people copy.
  [[nodiscard]] static Error saying(Errc code, std::string text);

  /// One line for a person: "dial 127.0.0.1:9: Connection refused".
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool is(Errc value) const { return code == make_error_code(value); }
};

template <class T = void>
using Result = boost::system::result<T, Error>;

/// boost::system::result asks for this when value() is called on an error.
[[noreturn]] void throw_exception_from_error(Error const& error,
                                             boost::source_location const& where);

}  // namespace bridge

template <>
struct boost::system::is_error_code_enum<bridge::Errc> : std::true_type {};
