#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "local/json.hpp"

namespace bridge::local {

/// A CDP command for the page that a viewer looks at.
struct PageCommand {
  std::string method;
  Json params;
};

/// What a person at a viewer does with mouse and keyboard, as the command that does the same in the
/// page. None for what is no input: whatever a viewer sends, only these commands come of it.
///
///   {"type":"mouse","kind":"down","x":10,"y":20,"button":"left","buttons":1,"clicks":1}
///   {"type":"wheel","x":10,"y":20,"dx":0,"dy":120}
///   {"type":"key","kind":"down","key":"a","code":"KeyA","keyCode":65,"text":"a"}
///   {"type":"text","text":"pasted"}
///   {"type":"go","url":"https://example.com/"}    {"type":"reload"}
///
/// All may have "modifiers", as CDP adds them up.
[[nodiscard]] std::optional<PageCommand> page_command(Json const& message);

}  // namespace bridge::local
