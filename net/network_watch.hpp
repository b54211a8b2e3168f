#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>

#include "net/asio.hpp"
#include "net/loop.hpp"

namespace bridge::net {

/// Tells that this machine's network has become another: a link, an address or a route has come or
/// gone (rtnetlink(7)). A connection from before may be dead without a word.
class NetworkWatch {
 public:
  /// The error says what does not let us listen: a container or a service may not have netlink.
  [[nodiscard]] static Result<std::unique_ptr<NetworkWatch>> open(Loop& loop);
  /// Takes over `socket`, a non-blocking one whose every datagram is news.
  NetworkWatch(Loop& loop, int socket) : socket_(loop.executor(), socket) {}

  /// Ends a moment after news, with all that the same change brings. False: there will be no more.
  [[nodiscard]] awaitable<bool> changed();

 private:
  bool drain();

  asio::posix::stream_descriptor socket_;
};

}  // namespace bridge::net
