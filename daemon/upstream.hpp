#pragma once

#include <memory>
#include <string>

#include "config/config.hpp"
#include "daemon/failure.hpp"
#include "net/dial.hpp"

namespace bridge {

/// Opens the CDP connection to a runtime, which takes its controller lock. `at` is a WebSocket
/// address, or the http address of a debugging port whose /json/version names one. `limit` bounds
/// each of the two steps. The failure's code is CONTROLLER_BUSY or UPSTREAM_REFUSED; its text holds
/// no part of the address beyond the origin.
awaitable<FailureOr<std::unique_ptr<net::WsStream>>> connect_upstream(net::Loop& loop,
                                                                      net::Reach const& reach,
                                                                      config::Limits const& limits,
                                                                      net::Url at, Duration limit);

/// The body of /json/protocol at the debugging port `at`, an http address.
awaitable<Result<std::string>> fetch_protocol(net::Loop& loop, net::Reach const& reach,
                                              net::Url const& at, Duration limit);

}  // namespace bridge
