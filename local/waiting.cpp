#include "local/waiting.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace bridge::local {

Outcome<std::optional<std::chrono::seconds>> read_seconds(Json const& body, std::string_view field,
                                                          std::int64_t least, std::int64_t most) {
  auto const given = body.find(field);
  if (given == body.end()) return std::optional<std::chrono::seconds>();
  // As a double: a whole number beyond 64 bits is one in JSON, and 30.0 is whole.
  auto const count = given->get<double>();
  if (count < static_cast<double>(least) || count > static_cast<double>(most))
    return Problem::invalid(field, fmt::format("{} must be {} to {}.", field, least, most));
  return std::optional(std::chrono::seconds(static_cast<std::int64_t>(count)));
}

Outcome<std::chrono::seconds> read_wait(Json const& body) {
  auto const given = read_seconds(body, "timeoutSeconds", 0, kWaitMax.count());
  if (!given) return given.error();
  return given->value_or(kWaitDefault);
}

}  // namespace bridge::local
