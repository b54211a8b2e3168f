#include "net/network_watch.hpp"

#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "net/tasks.hpp"

namespace bridge::net {
namespace {

// A Wi-Fi that roams takes an address away and gives another, with routes before and after.
constexpr auto kGather = 500ms;

}  // namespace

Result<std::unique_ptr<NetworkWatch>> NetworkWatch::open(Loop& loop) {
  auto const failed = [](char const* doing) {
    return Error({errno, boost::system::system_category()}, doing);
  };
  int const fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd < 0) return failed("open a netlink socket");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups =
      RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  if (::bind(fd, reinterpret_cast<sockaddr const*>(&address), sizeof address) != 0) {
    auto error = failed("listen to netlink");
    ::close(fd);
    return error;
  }
  return std::make_unique<NetworkWatch>(loop, fd);
}

awaitable<bool> NetworkWatch::changed() {
  auto const [failure] =
      co_await socket_.async_wait(asio::posix::stream_descriptor::wait_read, no_throw);
  if (failure || !drain()) co_return false;
  if (!co_await sleep_for(kGather)) co_return false;
  co_return drain();
}

// What it says does not matter. Too much at once (ENOBUFS) is news, too.
bool NetworkWatch::drain() {
  std::array<char, 4096> buffer;
  for (;;) {
    auto const got = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
    if (got == 0) return false;
    if (got < 0 && errno == EAGAIN) return true;
    if (got < 0 && errno != ENOBUFS && errno != EINTR) return false;
  }
}

}  // namespace bridge::net
