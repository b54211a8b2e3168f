#pragma once

#include <memory>
#include <variant>

#include "net/http_client.hpp"
#include "net/ws_stream.hpp"

namespace bridge::net {

/// The server answered the upgrade with something else than 101.
struct UpgradeRefused {
  unsigned status = 0;
  HttpHeaders headers;
  std::string body;
};

using DialResult = std::variant<std::unique_ptr<WsStream>, UpgradeRefused, Error>;
using RawDialResult = std::variant<std::unique_ptr<SocketStream>, UpgradeRefused, Error>;

/// Opens a WebSocket to a ws or wss address within `limit`. Errors name the origin only, never path
/// or query.
awaitable<DialResult> dial_ws(Loop& loop, Url url, Reach const& reach, WsLimits limits,
                              Duration limit);

/// The same handshake, but the bare bytes behind it, for a relay. Early bytes of the server are in
/// `early`.
awaitable<RawDialResult> dial_ws_raw(Loop& loop, Url url, Reach const& reach, Duration limit,
                                     std::string& early);

}  // namespace bridge::net
