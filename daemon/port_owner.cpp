#include "daemon/port_owner.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/scope_exit.hpp"

namespace bridge {
namespace {

namespace fs = std::filesystem;

// /proc/net/tcp: "sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ...",
// addresses in hex.
void add_listeners(char const* table, std::uint16_t port, std::set<std::string>& links) {
  std::ifstream in(table);
  std::string line;
  auto const wanted = fmt::format(":{:04X}", port);
  constexpr std::string_view kListening = "0A";
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string slot, local, remote, state, queues, timer, retries, uid, timeout, inode;
    words >> slot >> local >> remote >> state >> queues >> timer >> retries >> uid >> timeout >>
        inode;
    if (state == kListening && local.ends_with(wanted))
      links.insert(fmt::format("socket:[{}]", inode));
  }
}

bool holds(fs::path const& process, std::set<std::string> const& links) {
  std::error_code ec;
  for (fs::directory_iterator fd(process / "fd", ec), end; !ec && fd != end; fd.increment(ec)) {
    std::error_code ignored;
    if (links.contains(fs::read_symlink(fd->path(), ignored).string())) return true;
  }
  return false;
}

template <class Address>
bool is_taken(Address const& address) {
  auto const* const end = reinterpret_cast<sockaddr const*>(&address);
  int const probe = ::socket(end->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  auto const done = scope_exit([probe] { ::close(probe); });
  // As the server binds: connections that are long over do not keep the port.
  int const yes = 1;
  ::setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  return ::bind(probe, end, sizeof address) != 0 && errno == EADDRINUSE;
}

}  // namespace

std::string port_owner(std::uint16_t port) {
  std::set<std::string> links;
  add_listeners("/proc/net/tcp", port, links);
  add_listeners("/proc/net/tcp6", port, links);
  if (links.empty()) return {};
  std::error_code ec;
  for (fs::directory_iterator process("/proc", ec), end; !ec && process != end;
       process.increment(ec)) {
    auto const pid = process->path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos || !holds(process->path(), links))
      continue;
    std::string name;
    std::getline(std::ifstream(process->path() / "comm"), name);
    return fmt::format("{} (pid {})", name, pid);
  }
  return {};
}

std::optional<std::string> taken_address(std::uint16_t port) {
  if (port == 0) return std::nullopt;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (is_taken(v4)) return fmt::format("127.0.0.1:{}", port);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  v6.sin6_addr = in6addr_loopback;
  if (is_taken(v6)) return fmt::format("[::1]:{}", port);
  return std::nullopt;
}

std::optional<int> socket_owner(std::string const& path) {
  sockaddr_un end{};
  end.sun_family = AF_UNIX;
  if (path.size() >= sizeof end.sun_path) return std::nullopt;
  path.copy(end.sun_path, path.size());
  int const probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return std::nullopt;
  auto const done = scope_exit([probe] { ::close(probe); });
  if (::connect(probe, reinterpret_cast<sockaddr const*>(&end), sizeof end) != 0)
    return std::nullopt;
  ucred owner{};
  socklen_t size = sizeof owner;
  if (::getsockopt(probe, SOL_SOCKET, SO_PEERCRED, &owner, &size) != 0) return std::nullopt;
  return owner.pid;
}

}  // namespace bridge
