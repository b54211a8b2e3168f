#include "net/byte_stream.hpp"

#include <vector>

namespace bridge::net {

awaitable<Result<void>> SocketStream::send(std::span<asio::const_buffer const> pieces) {
  std::vector<asio::const_buffer> rest;  // filled only when the socket takes a part of a piece
  for (;;) {
    while (!pieces.empty() && pieces.front().size() == 0) pieces = pieces.subspan(1);
    if (pieces.empty()) break;
    auto const sent = try_send(pieces);
    if (!sent) co_return sent.error();
    auto n = *sent;
    if (n == 0) {
      auto const waited = co_await writable();
      if (!waited) co_return waited.error();
      continue;
    }
    while (!pieces.empty() && n >= pieces.front().size()) {
      n -= pieces.front().size();
      pieces = pieces.subspan(1);
    }
    if (n == 0) continue;
    if (rest.empty()) {
      rest.assign(pieces.begin(), pieces.end());
      pieces = rest;
    }
    rest[rest.size() - pieces.size()] += n;
  }
  co_return Result<void>{};
}

}  // namespace bridge::net
