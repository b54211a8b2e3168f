#pragma once

#include <string_view>

namespace bridge::local {

/// Whether `name` is a time zone of the IANA database, "Europe/Berlin", as far as this machine can
/// tell: one without the database takes every name.
[[nodiscard]] bool is_timezone(std::string_view name);

}  // namespace bridge::local
