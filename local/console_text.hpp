#pragma once

#include <string>
#include <string_view>

#include "local/json.hpp"

namespace bridge::local {

/// At most `most` bytes, cut between characters and marked with "…".
[[nodiscard]] std::string cut_text(std::string text, std::size_t most);

/// A Runtime.RemoteObject as a console prints it: a string bare, an object as far as its preview
/// goes.
[[nodiscard]] std::string shown_value(Json const& remote);

/// The arguments of a console call as one text, at most a few thousand bytes.
[[nodiscard]] std::string console_text(Json const& arguments);

/// log, debug, info, warning or error for a kind of console call ("trace", "assert", ...).
[[nodiscard]] std::string_view console_level(std::string_view kind);

/// Puts url and line (from 1) of where it happened into `data`; `where` has a stackTrace, or url
/// and lineNumber of its own.
void put_place(Json& data, Json const& where);

}  // namespace bridge::local
