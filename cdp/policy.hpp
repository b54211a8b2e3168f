#pragma once

#include <cstdint>
#include <string_view>

namespace bridge::cdp {

/// What happens to a command, on whatever session it is sent: a page session can close the browser
/// too.
enum class Rule : std::uint8_t {
  forward,        ///< to the runtime, untouched
  leave,          ///< Browser.close: this client leaves, the runtime lives on
  refuse,         ///< would end or expose the browser for everybody
  look_inside,    ///< carries another command as text: the rules hold for that one too
  note_activity,  ///< forward; its target moves to the front of /json/list
};

[[nodiscard]] Rule rule_for(std::string_view method);

/// The verdict on a Target.sendMessageToTarget: refuse when the command inside is not a plain
/// forward.
[[nodiscard]] Rule rule_for_nested(std::string_view params);

}  // namespace bridge::cdp
