#include "base/result.hpp"

#include <stdexcept>

namespace bridge {
namespace {

// Boost gives error_category a protected non-virtual destructor on purpose: categories are never
// owned.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class Category final : public boost::system::error_category {
 public:
  char const* name() const noexcept override { return "bridge"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::end_of_stream:
        return "the peer closed the connection";
      case Errc::timed_out:
        return "timed out";
      case Errc::too_large:
        return "larger than the limit";
      case Errc::bad_message:
        return "the peer broke the protocol";
      case Errc::bad_url:
        return "not a usable address";
      case Errc::refused:
        return "refused";
      case Errc::queue_full:
        return "the receiver does not keep up";
      case Errc::bad_certificate:
        return "the server's certificate could not be verified";
      case Errc::not_found:
        return "not found";
      case Errc::cancelled:
        return "cancelled";
    }
    return "unknown error";
  }
};
#pragma GCC diagnostic pop

}  // namespace

boost::system::error_code make_error_code(Errc value) noexcept {
  static Category const category;
  return {static_cast<int>(value), category};
}

Error Error::saying(Errc code, std::string text) {
  Error error(code, std::move(text));
  error.told = true;
  return error;
}

std::string Error::text() const {
  if (told) return doing;
  if (doing.empty()) return code.message();
  return doing + ": " + code.message();
}

void throw_exception_from_error(Error const& error, boost::source_location const&) {
  throw std::runtime_error(error.text());
}

}  // namespace bridge
