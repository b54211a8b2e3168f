#include "config/paths.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>

#include "base/scope_exit.hpp"

namespace bridge::config {
namespace {

constexpr char const* kOurs = "/bctrl-bridge";
constexpr char const* kControlSocket = "/control.sock";

Error system_error(std::string doing) {
  return {boost::system::error_code(errno, boost::system::system_category()), std::move(doing)};
}

// The XDG specification: a relative path is to be ignored.
std::string absolute(Env const& env, char const* name) {
  auto path = env_text(env, name);
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path.starts_with('/') ? path : "";
}

// systemd lists several directories with colons. Under DynamicUser= the state directory is a
// symbolic link of systemd's own making, which make_private_dir() would refuse: follow it here.
std::string given_by_systemd(Env const& env, char const* name) {
  auto const all = absolute(env, name);
  auto first = all.substr(0, all.find(':'));
  char real[PATH_MAX];
  if (!first.empty() && ::realpath(first.c_str(), real) != nullptr) return real;
  return first;
}

bool is_our_directory(std::string const& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode) &&
         found.st_uid == ::geteuid();
}

Result<void> make_parents(std::string const& path) {
  for (auto slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    auto const parent = path.substr(0, slash);
    if (::mkdir(parent.c_str(), 0700) != 0 && errno != EEXIST && errno != EROFS)
      return system_error("create directory " + parent);
  }
  return {};
}

Result<void> check_dir(int fd, std::string const& path) {
  struct stat found {};
  if (::fstat(fd, &found) != 0) return system_error("open directory " + path);
  if (found.st_uid != ::geteuid())
    return Error::saying(
        Errc::refused,
        fmt::format("directory {} belongs to user {}, and we are {}; remove it or choose another",
                    path, found.st_uid, ::geteuid()));
  if ((found.st_mode & 022) != 0)
    return Error::saying(
        Errc::refused,
        fmt::format(
            "directory {0} is writable by others (mode {1:04o}); close it with: chmod 700 {0}",
            path, found.st_mode & 07777));
  return {};
}

}  // namespace

std::string home_dir(Env const& env) {
  return absolute(env, "HOME");
}

std::string config_dir(Env const& env) {
  if (auto const base = absolute(env, "XDG_CONFIG_HOME"); !base.empty()) return base + kOurs;
  auto const home = home_dir(env);
  return home.empty() ? "" : home + "/.config" + kOurs;
}

Result<std::string> state_dir(Env const& env) {
  if (auto given = given_by_systemd(env, "STATE_DIRECTORY"); !given.empty()) return given;
  if (auto const base = absolute(env, "XDG_STATE_HOME"); !base.empty()) return base + kOurs;
  if (auto const home = home_dir(env); !home.empty()) return home + "/.local/state" + kOurs;
  return Error::saying(
      Errc::not_found,
      "no directory for state is known; set HOME, XDG_STATE_HOME or STATE_DIRECTORY");
}

Result<std::string> runtime_dir(Env const& env, std::string const& run_user) {
  if (auto given = given_by_systemd(env, "RUNTIME_DIRECTORY"); !given.empty()) return given;
  if (auto const base = absolute(env, "XDG_RUNTIME_DIR"); !base.empty()) return base + kOurs;
  if (auto const login = fmt::format("{}/{}", run_user, ::geteuid()); is_our_directory(login))
    return login + kOurs;
  auto const state = state_dir(env);
  if (state) return *state + "/run";
  return Error::saying(
      Errc::not_found,
      "no directory for sockets is known; set XDG_RUNTIME_DIR, HOME or RUNTIME_DIRECTORY");
}

Result<std::string> find_control_socket(Env const& env, std::string const& system_dir) {
  auto const own_dir = runtime_dir(env);
  if (!own_dir) return own_dir.error();
  auto own = *own_dir + kControlSocket;
  auto system = system_dir + kControlSocket;
  if (::faccessat(AT_FDCWD, own.c_str(), F_OK, AT_EACCESS) == 0) return own;
  if (::faccessat(AT_FDCWD, system.c_str(), W_OK, AT_EACCESS) == 0) return system;
  if (errno != EACCES) return own;
  return Error::saying(Errc::refused,
                       fmt::format("no daemon of this user runs, and the system service's, in {}, "
                                   "answers root only; put sudo before the command",
                                   system_dir));
}

Result<void> make_private_dir(std::string const& asked) {
  // A slash at the end would make open() follow a symbolic link.
  auto const path = asked.substr(0, asked.find_last_not_of('/') + 1);
  if (auto made = make_parents(path); !made) return made;
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return system_error("create directory " + path);
  auto const fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
    return Error::saying(Errc::refused,
                         path + " is a symbolic link or a file, not a directory; remove it");
  if (fd < 0) return system_error("open directory " + path);
  auto const close = scope_exit([fd] { ::close(fd); });
  return check_dir(fd, path);
}

Result<std::string> make_state_dir(Env const& env) {
  auto path = state_dir(env);
  if (!path) return path;
  auto const made = make_private_dir(*path);
  if (made) return path;
  return Error::saying(
      Errc::refused,
      fmt::format("the state directory, which XDG_STATE_HOME names: {}", made.error().text()));
}

Result<void> check_socket_path(std::string const& path) {
  constexpr auto kMost = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() <= kMost) return {};
  return Error::saying(
      Errc::too_large,
      fmt::format("socket path {} has {} bytes, {} fit; set XDG_RUNTIME_DIR to a shorter directory",
                  path, path.size(), kMost));
}

}  // namespace bridge::config
