#pragma once

#include <string>

#include "base/result.hpp"
#include "config/env.hpp"

namespace bridge::config {

/// $HOME when it is absolute, else empty: a system service may have none.
[[nodiscard]] std::string home_dir(Env const& env);

/// $XDG_CONFIG_HOME/bctrl-bridge, else ~/.config/bctrl-bridge; empty when neither is known.
[[nodiscard]] std::string config_dir(Env const& env);

/// $STATE_DIRECTORY (systemd's, the first of its list), else $XDG_STATE_HOME/bctrl-bridge, else
/// ~/.local/state/bctrl-bridge. An error when nothing is known.
[[nodiscard]] Result<std::string> state_dir(Env const& env);

/// For sockets and locks: $RUNTIME_DIRECTORY (systemd's, the first of its list), else
/// $XDG_RUNTIME_DIR/bctrl-bridge, else /run/user/UID/bctrl-bridge when that directory is there and
/// ours, else "run" in the state directory. Never /tmp, where anybody may be first. `run_user`
/// stands for /run/user.
[[nodiscard]] Result<std::string> runtime_dir(Env const& env,
                                              std::string const& run_user = "/run/user");

/// The control socket of the daemon that the command line talks to: this user's own, also when
/// there is none, unless only the system service has one, in `system_dir`. An error when it may not
/// be opened.
[[nodiscard]] Result<std::string> find_control_socket(
    Env const& env, std::string const& system_dir = "/run/bctrl-bridge");

/// Makes the directory and its missing parents, mode 0700, and says whether it may be trusted: an
/// existing one must be a directory of ours, not a symbolic link, and not writable by others.
[[nodiscard]] Result<void> make_private_dir(std::string const& path);

/// state_dir(), made as make_private_dir() does.
[[nodiscard]] Result<std::string> make_state_dir(Env const& env);

/// A Unix socket's path has room for 107 bytes.
[[nodiscard]] Result<void> check_socket_path(std::string const& path);

}  // namespace bridge::config
