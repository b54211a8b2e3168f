#include "local/timestamp.hpp"

#include <fmt/format.h>

#include <charconv>

namespace bridge::local {

namespace {

/// Takes a text apart from the left, until something is not there.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  int number(std::size_t digits) {
    int value = 0;
    auto const part = rest_.substr(0, digits);
    auto const read = std::from_chars(part.data(), part.data() + part.size(), value);
    good_ = good_ && part.size() == digits && read.ec == std::errc() &&
            read.ptr == part.data() + digits && value >= 0;
    rest_.remove_prefix(part.size());
    return value;
  }
  bool skip(std::string_view any) {
    if (rest_.empty() || any.find(rest_.front()) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(std::string_view any) { good_ = skip(any) && good_; }
  /// The digits of a fraction as milliseconds.
  int millis() {
    int value = 0;
    int scale = 100;
    bool some = false;
    for (; !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; some = true) {
      value += (rest_.front() - '0') * scale;
      scale /= 10;
      rest_.remove_prefix(1);
    }
    good_ = good_ && some;
    return value;
  }
  [[nodiscard]] char next() const { return rest_.empty() ? '\0' : rest_.front(); }
  [[nodiscard]] bool ended() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

std::optional<Timestamp> moment_from(std::string_view text) {
  Reader reader(text);
  std::chrono::year const year(reader.number(4));
  reader.expect("-");
  std::chrono::month const month(static_cast<unsigned>(reader.number(2)));
  reader.expect("-");
  std::chrono::day const day(static_cast<unsigned>(reader.number(2)));
  reader.expect("Tt ");
  int const hours = reader.number(2);
  reader.expect(":");
  int const minutes = reader.number(2);
  reader.expect(":");
  int const seconds = reader.number(2);
  int const millis = reader.skip(".") ? reader.millis() : 0;
  int offset = 0;
  if (!reader.skip("Zz")) {
    int const sign = reader.next() == '-' ? -1 : 1;
    reader.expect("+-");
    int const zone = reader.number(2) * 60;
    reader.expect(":");
    offset = sign * (zone + reader.number(2));
  }
  std::chrono::year_month_day const date(year, month, day);
  if (!reader.ended() || !date.ok() || hours > 23 || minutes > 59 || seconds > 60)
    return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hours) +
         std::chrono::minutes(minutes - offset) + std::chrono::seconds(seconds) +
         std::chrono::milliseconds(millis);
}

Timestamp now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::string rfc3339(Timestamp when) {
  auto const day = std::chrono::floor<std::chrono::days>(when);
  std::chrono::year_month_day const date(day);
  std::chrono::hh_mm_ss const time(when - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     time.subseconds().count());
}

}  // namespace bridge::local
