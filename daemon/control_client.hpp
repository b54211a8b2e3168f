#pragma once

#include <chrono>
#include <string>

#include "config/env.hpp"

namespace bridge {

/// The daemon's answer to one control request, or the reason there is none.
struct ControlAnswer {
  int exit = 0;       ///< exit_code::ok, or what the verb should end with
  std::string error;  ///< one line for stderr; empty when ok
  std::string body;   ///< JSON when ok
};

/// Asks the running daemon of this user, or the system service's (config::find_control_socket),
/// over its Unix socket. A GET is answered within seconds or not at all; a `POST` of a wake may
/// take as long as the bridge's attach_timeout, and the daemon bounds it.
[[nodiscard]] ControlAnswer ask_daemon(config::Env const& env, std::string method,
                                       std::string path);
/// A POST with a JSON body, for what has an end of its own and may take that long.
[[nodiscard]] ControlAnswer tell_daemon(config::Env const& env, std::string path, std::string body,
                                        std::chrono::milliseconds limit);

}  // namespace bridge
