#include "systemd/notify.hpp"

#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <system_error>

namespace bridge::systemd {
namespace {

// systemd drops a datagram of more than 4096 bytes as a whole, READY=1 included.
constexpr std::size_t kLongestStatus = 2048;

std::string_view text(Notifier::Env const& env, char const* name) {
  char const* value = env ? env(name) : nullptr;
  return value ? value : "";
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  auto const end = text.data() + text.size();
  auto const [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

std::optional<std::chrono::microseconds> interval_from(Notifier::Env const& env) {
  auto const pid = text(env, "WATCHDOG_PID");
  if (!pid.empty() && number(pid) != ::getpid()) return std::nullopt;
  auto const limit = number(text(env, "WATCHDOG_USEC"));
  if (!limit || *limit < 2) return std::nullopt;
  return std::chrono::microseconds(*limit / 2);
}

bool is_control(char c) {
  auto const byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

// A line feed would begin another assignment, so a status could say READY=1.
std::string one_line(std::string line) {
  std::replace_if(line.begin(), line.end(), is_control, ' ');
  if (line.size() <= kLongestStatus) return line;
  auto cut = kLongestStatus;
  while (cut > 0 && (static_cast<unsigned char>(line[cut]) & 0xc0) == 0x80) --cut;
  line.resize(cut);
  return line;
}

std::int64_t monotonic_usec() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

Notifier::Notifier(Env const& env) {
  auto const name = text(env, "NOTIFY_SOCKET");
  if (name.empty()) return;
  open(name);
  if (socket_ >= 0) watchdog_interval_ = interval_from(env);
}

Notifier::~Notifier() {
  if (socket_ >= 0) ::close(socket_);
}

void Notifier::open(std::string_view name) {
  bool const abstract = name.front() == '@';
  if (!abstract && name.front() != '/') return complain("use NOTIFY_SOCKET", EAFNOSUPPORT);
  if (name.size() < 2 || name.size() >= sizeof address_.sun_path)
    return complain("use NOTIFY_SOCKET", EINVAL);
  address_.sun_family = AF_UNIX;
  std::memcpy(address_.sun_path, name.data(), name.size());
  if (abstract) address_.sun_path[0] = '\0';
  // An abstract name has no end mark: its length is the address's.
  address_size_ =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (abstract ? 0 : 1));

  socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return complain("make a socket", errno);
  // READY=1 must not be lost to a queue that is full for a moment, nor may the loop hang on it.
  timeval const limit{.tv_sec = 1, .tv_usec = 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

void Notifier::ready(std::string_view status) {
  send("READY=1\n" + status_field(status));
}

void Notifier::status(std::string_view status) {
  auto const before = last_status_;
  auto const field = status_field(status);
  if (last_status_ == before) return;
  if (!send(field, MSG_DONTWAIT)) last_status_.clear();  // the next call tries again
}

void Notifier::reloading() {
  // One datagram: a manager that knows reloads ignores one without its time.
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_usec()));
}

void Notifier::stopping() {
  send("STOPPING=1");
}

void Notifier::extend(std::chrono::microseconds timeout) {
  send(fmt::format("EXTEND_TIMEOUT_USEC={}", timeout.count()));
}

void Notifier::ping() {
  send("WATCHDOG=1");
}

std::string Notifier::status_field(std::string_view status) {
  last_status_ = one_line(log::redact(status));
  return "STATUS=" + last_status_;
}

bool Notifier::send(std::string_view message, int flags) {
  if (socket_ < 0) return false;
  auto const* to = reinterpret_cast<sockaddr const*>(&address_);
  for (;;) {
    auto const sent =
        ::sendto(socket_, message.data(), message.size(), MSG_NOSIGNAL | flags, to, address_size_);
    if (sent >= 0) return true;
    if (errno != EINTR) break;
  }
  complain("notify", errno);
  return false;
}

void Notifier::complain(char const* doing, int error) {
  if (complained_) return;
  complained_ = true;
  log_.warn("{}: {}; the service goes on without telling systemd", doing,
            std::generic_category().message(error));
}

}  // namespace bridge::systemd
