#include "api/retry.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <iomanip>
#include <sstream>

namespace bridge::api {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kFirst{250};
constexpr milliseconds kMost{2000};
constexpr std::uint64_t kJitterMax = 50;
constexpr long kSecondsMax = 7 * 24 * 3600L;

std::optional<milliseconds> parse_seconds(std::string_view value) {
  long count = 0;
  auto const* const end = value.data() + value.size();
  auto const [at, ec] = std::from_chars(value.data(), end, count);
  if (ec == std::errc::result_out_of_range) return seconds(kSecondsMax);
  if (ec != std::errc() || at != end || count < 0) return std::nullopt;
  return seconds(std::min(count, kSecondsMax));
}

std::optional<std::chrono::system_clock::time_point> parse_date(std::string_view value) {
  constexpr std::array<char const*, 3> kForms{
      "%a, %d %b %Y %H:%M:%S GMT",  // IMF-fixdate
      "%A, %d-%b-%y %H:%M:%S GMT",  // RFC 850
      "%a %b %d %H:%M:%S %Y",       // asctime
  };
  for (auto const* form : kForms) {
    std::tm parts{};
    std::istringstream in{std::string(value)};
    in.imbue(std::locale::classic());
    in >> std::get_time(&parts, form);
    if (!in.fail()) return std::chrono::system_clock::from_time_t(timegm(&parts));
  }
  return std::nullopt;
}

}  // namespace

bool is_repeatable(std::string_view method, std::string_view idempotency_key) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || !idempotency_key.empty();
}

bool is_transient(ApiError const& error) {
  return error.is_transport() || error.status == 408 || error.status == 429 || error.status >= 500;
}

std::optional<milliseconds> parse_retry_after(std::string_view value,
                                              std::chrono::system_clock::time_point now) {
  while (value.starts_with(' ')) value.remove_prefix(1);
  while (value.ends_with(' ')) value.remove_suffix(1);
  if (value.empty()) return std::nullopt;
  if (auto const relative = parse_seconds(value)) return relative;
  auto const date = parse_date(value);
  if (!date) return std::nullopt;
  auto const wait = std::chrono::duration_cast<milliseconds>(*date - now);
  return std::clamp(wait, milliseconds(0), milliseconds(seconds(kSecondsMax)));
}

std::optional<milliseconds> RetryDelays::after(unsigned attempt, ApiError const& error) {
  if (attempt > kMaxRetries || !is_transient(error)) return std::nullopt;
  if (error.retry_after) return error.retry_after;
  state_ ^= state_ << 13;
  state_ ^= state_ >> 7;
  state_ ^= state_ << 17;
  milliseconds const jitter(state_ % (kJitterMax + 1));
  return std::min(kMost, kFirst * (1U << (attempt - 1))) + jitter;
}

}  // namespace bridge::api
