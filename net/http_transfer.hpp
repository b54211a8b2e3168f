#pragma once

#include <cstdint>

#include "net/http_client.hpp"
#include "net/http_reply_reader.hpp"

namespace bridge::net {

/// A request's body that is too large, or too slow, to be held: it is asked for piece by piece.
class BodySource {
 public:
  virtual ~BodySource() = default;
  /// What all pieces come to; sent as Content-Length.
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  /// The next piece; empty at the end. Lasts until the next call. May block: it is for programs
  /// that do nothing else meanwhile.
  virtual Result<std::string_view> next() = 0;
};

/// One request on a connection of its own, its body (`request.body`, or `body` when there is one)
/// and its reply of any length. `request.target` is ignored, the URL's is used. Any status is a
/// success here. Ends with timed_out when nothing moves for `silence`. A server that answers before
/// it has read the body, as one does that refuses it, is heard.
awaitable<Result<void>> transfer(Loop& loop, Reach const& reach, Url url, HttpRequest request,
                                 BodySource* body, ReplyReceiver& receiver, Duration silence);

}  // namespace bridge::net
