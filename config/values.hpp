#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "config/config.hpp"
#include "config/objection.hpp"

namespace bridge::config {

/// What a field's text means where its type does not say it.
enum class Form {
  plain,
  count,   ///< a number without a unit
  path,    ///< absolute when it comes from a file: a daemon's working directory is an accident
  secret,  ///< never printed
  json,    ///< a YAML map, kept as JSON text
};

template <class Enum>
struct Choice {
  std::string_view name;
  Enum value;
};

/// The words of the configuration for each enum's values.
inline constexpr std::array kBackends{Choice<Backend>{"local", Backend::local},
                                      Choice<Backend>{"cloud", Backend::cloud}};
inline constexpr std::array kStarts{Choice<Start>{"attach", Start::attach},
                                    Choice<Start>{"boot", Start::boot},
                                    Choice<Start>{"discovery", Start::discovery}};
inline constexpr std::array kOnExits{Choice<OnExit>{"stop", OnExit::stop},
                                     Choice<OnExit>{"keep", OnExit::keep}};
inline constexpr std::array kOnLastClients{Choice<OnLastClient>{"keep", OnLastClient::keep},
                                           Choice<OnLastClient>{"stop", OnLastClient::stop}};
inline constexpr std::array kOnBusies{Choice<OnBusy>{"wait", OnBusy::wait},
                                      Choice<OnBusy>{"fail", OnBusy::fail}};
inline constexpr std::array kBudgetPers{Choice<BudgetPer>{"day", BudgetPer::day},
                                        Choice<BudgetPer>{"month", BudgetPer::month}};
inline constexpr std::array kKeepAlives{Choice<KeepAlive>{"ping", KeepAlive::ping},
                                        Choice<KeepAlive>{"command", KeepAlive::command}};
inline constexpr std::array kParked{Choice<Parked>{"wait", Parked::wait},
                                    Choice<Parked>{"fail", Parked::fail}};
inline constexpr std::array kClients{Choice<Clients>{"shared", Clients::shared},
                                     Choice<Clients>{"exclusive", Clients::exclusive}};
inline constexpr std::array kLogLevels{
    Choice<LogLevel>{"trace", LogLevel::trace}, Choice<LogLevel>{"debug", LogLevel::debug},
    Choice<LogLevel>{"info", LogLevel::info},   Choice<LogLevel>{"warn", LogLevel::warn},
    Choice<LogLevel>{"error", LogLevel::error}, Choice<LogLevel>{"off", LogLevel::off}};
inline constexpr std::array kLogFormats{Choice<log::Format>{"auto", log::Format::automatic},
                                        Choice<log::Format>{"text", log::Format::text},
                                        Choice<log::Format>{"journal", log::Format::journal},
                                        Choice<log::Format>{"json", log::Format::json}};

constexpr auto const& choices(Backend) {
  return kBackends;
}
constexpr auto const& choices(Start) {
  return kStarts;
}
constexpr auto const& choices(OnExit) {
  return kOnExits;
}
constexpr auto const& choices(OnLastClient) {
  return kOnLastClients;
}
constexpr auto const& choices(OnBusy) {
  return kOnBusies;
}
constexpr auto const& choices(BudgetPer) {
  return kBudgetPers;
}
constexpr auto const& choices(KeepAlive) {
  return kKeepAlives;
}
constexpr auto const& choices(Parked) {
  return kParked;
}
constexpr auto const& choices(Clients) {
  return kClients;
}
constexpr auto const& choices(LogLevel) {
  return kLogLevels;
}
constexpr auto const& choices(log::Format) {
  return kLogFormats;
}

/// Reads one value; with an objection `out` is left as it was.
[[nodiscard]] Objection parse_value(std::string_view text, Form form, std::string& out);
[[nodiscard]] Objection parse_value(std::string_view text, Form form, bool& out);
[[nodiscard]] Objection parse_value(std::string_view text, Form form, std::uint16_t& out);
[[nodiscard]] Objection parse_value(std::string_view text, Form form, Duration& out);
[[nodiscard]] Objection parse_value(std::string_view text, Form form, std::size_t& out);
[[nodiscard]] Objection parse_value(std::string_view text, Form form,
                                    std::optional<std::uint16_t>& out);
[[nodiscard]] Objection parse_value(std::string_view text, Form form, std::optional<Secret>& out);

/// "60m/day", "20h/month": the short form of a budget of time.
[[nodiscard]] Objection parse_value(std::string_view text, Form form, Budget& out);

[[nodiscard]] Objection object_to_choice(std::string_view text,
                                         std::vector<std::string_view> const& names);

template <class Enum>
requires std::is_enum_v<Enum>
[[nodiscard]] Objection parse_value(std::string_view text, Form, Enum& out) {
  std::vector<std::string_view> names;
  for (auto const& choice : choices(Enum{})) {
    if (choice.name == text) {
      out = choice.value;
      return std::nullopt;
    }
    names.push_back(choice.name);
  }
  return object_to_choice(text, names);
}

/// The word for an enum's value, as the configuration spells it.
template <class Enum>
requires std::is_enum_v<Enum>
[[nodiscard]] std::string_view word_for(Enum value) {
  for (auto const& choice : choices(Enum{})) {
    if (choice.value == value) return choice.name;
  }
  return "";
}

}  // namespace bridge::config
