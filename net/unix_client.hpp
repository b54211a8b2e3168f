#pragma once

#include <string>

#include "net/http_message.hpp"
#include "net/loop.hpp"

namespace bridge::net {

/// One HTTP request over the Unix socket at `path`, Host "localhost". not_found when no socket is
/// there, connection_refused when its owner has died.
awaitable<Result<HttpReply>> request_unix(Loop& loop, std::string path, HttpRequest request,
                                          Duration limit);

}  // namespace bridge::net
