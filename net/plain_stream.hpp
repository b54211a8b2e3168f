#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>
#include <string>

#include "net/byte_stream.hpp"
#include "net/loop.hpp"

namespace bridge::net {

/// A TCP or Unix socket as a ByteStream. Takes the socket's ownership; `peer` is what logs call the
/// other end.
[[nodiscard]] std::unique_ptr<SocketStream> make_plain_stream(
    Loop& loop, asio::generic::stream_protocol::socket socket, std::string peer);

}  // namespace bridge::net
