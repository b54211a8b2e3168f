#pragma once

#include <string>
#include <string_view>

namespace bridge::fuzz {

[[nodiscard]] std::string lower(std::string_view text);

/// What nobody else can have pointed at this machine: a number of some form, or localhost. Said
/// with the C library instead of the parsers under test.
[[nodiscard]] bool names_this_machine(std::string const& host);

}  // namespace bridge::fuzz
