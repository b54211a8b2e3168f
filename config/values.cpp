#include "config/values.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "config/suggest.hpp"
#include "config/units.hpp"
#include "config/utf8.hpp"

namespace bridge::config {
namespace {

template <class Number>
bool parse_number(std::string_view text, Number& out) {
  auto const end = text.data() + text.size();
  Number value{};
  auto const [rest, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc{} || rest != end) return false;
  out = value;
  return true;
}

// Lines end up in logs, headers and arguments, where a line end is an injection.
Objection object_to_text(std::string_view text) {
  if (text.find_first_of("\t\r\n") == std::string_view::npos && !first_bad_byte(text))
    return std::nullopt;
  return "must be one line of UTF-8 text without control characters";
}

}  // namespace

Objection parse_value(std::string_view text, Form, std::string& out) {
  if (auto objection = object_to_text(text)) return objection;
  out = text;
  return std::nullopt;
}

Objection parse_value(std::string_view text, Form, std::optional<Secret>& out) {
  if (auto objection = object_to_text(text)) return objection;
  out = Secret(std::string(text));
  return std::nullopt;
}

Objection parse_value(std::string_view text, Form, bool& out) {
  if (text != "true" && text != "false") return "is not a switch; write true or false";
  out = text == "true";
  return std::nullopt;
}

Objection parse_value(std::string_view text, Form, std::uint16_t& out) {
  if (!parse_number(text, out)) return "is not a port; write 0 to 65535";
  return std::nullopt;
}

Objection parse_value(std::string_view text, Form form, std::optional<std::uint16_t>& out) {
  std::uint16_t port = 0;
  auto objection = parse_value(text, form, port);
  if (!objection) out = port;
  return objection;
}

Objection parse_value(std::string_view text, Form, Duration& out) {
  auto const value = parse_duration(text);
  if (!value) return "is not a duration; write 250ms, 10s, 5m or 1h";
  out = *value;
  return std::nullopt;
}

Objection parse_value(std::string_view text, Form form, Budget& out) {
  auto const slash = text.find('/');
  Budget budget;
  bool const fine = slash != std::string_view::npos &&
                    !parse_value(text.substr(0, slash), form, budget.time) &&
                    !parse_value(text.substr(slash + 1), form, budget.per);
  if (!fine) return "is not a budget; write 60m/day, 20h/month, or a map of time, credits and per";
  out = budget;
  return std::nullopt;
}

Objection parse_value(std::string_view text, Form form, std::size_t& out) {
  if (form == Form::count) {
    if (!parse_number(text, out)) return "is not a number; write digits only";
    return std::nullopt;
  }
  auto const value = parse_size(text);
  if (!value) return "is not a size; write 512KiB, 64MiB, 1GiB or a number of bytes";
  out = *value;
  return std::nullopt;
}

Objection object_to_choice(std::string_view text, std::vector<std::string_view> const& names) {
  auto const near = nearest_word(text, names);
  if (!near.empty())
    return fmt::format("is not one of {}; did you mean \"{}\"?", fmt::join(names, ", "), near);
  return fmt::format("is not one of {}; choose one of them", fmt::join(names, ", "));
}

}  // namespace bridge::config
