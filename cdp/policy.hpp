#pragma once

#include <cstdint>
#include <string_view>

namespace bridge::cdp {

/// What happens to a command, on whatever session it is sent: a page session can close the browser
/// too.
enum class Rule : std::uint8_t {
  forward,      ///< to the runtime, untouched
  leave,        ///< Browser.close: this client leaves, the runtime lives on
  refuse,       ///< would end or expose the browser for everybody
  look_at_url,  ///< opens an address, which may be one that ends the browser
  look_inside,  ///< carries another command as text: the rules hold for that one too
  // Forwarded as well, and taken note of:
  note_attach,        ///< makes a session that Chrome would not make by itself
  note_context,       ///< makes a browser context, which may have to go with its client
  detach,             ///< names a session in its parameters
  note_activity,      ///< its target moves to the front of /json/list
  note_dispose,       ///< nothing of its browser context can be set any more
  note_download,      ///< where downloads go, to be said again when a later setter leaves
  resume_target,      ///< a target that waited for its start goes on
  continue_request,   ///< a request that Fetch had paused goes on
  continue_requests,  ///< all of the session's
};

[[nodiscard]] Rule rule_for(std::string_view method);

/// The verdict on a Target.sendMessageToTarget: refuse when the command inside is not a plain
/// forward.
[[nodiscard]] Rule rule_for_nested(std::string_view params);

/// Whether opening `url` ends the browser, or starts it anew: chrome://quit and chrome://restart,
/// in any way that Chromium reads as one of them.
[[nodiscard]] bool ends_browser(std::string_view url);

/// The verdict on a command that opens an address.
[[nodiscard]] Rule rule_for_url(std::string_view params);

}  // namespace bridge::cdp
