#pragma once

#include <functional>
#include <string_view>

#include "local/frame_counter.hpp"
#include "net/byte_stream.hpp"
#include "net/tasks.hpp"

namespace bridge::local {

// Bytes on their way between two streams that do not know of each other.

/// Sends all of `text`, which the caller keeps.
awaitable<Result<void>> send_text(net::ByteStream& to, std::string_view text);

/// One direction, until its sender ends: an end is passed on as an end, a broken connection as one.
/// `ended` runs at that very moment, `heard`, if any, with all that comes. `cut`, if any, says
/// after which frame the receiver hears no more.
awaitable<void> pump(net::ByteStream& from, net::ByteStream& to, std::function<void()> const& ended,
                     FrameCounter* cut = nullptr, std::function<void()> const* heard = nullptr);

/// Both directions, until both have ended or the second has taken long after the first. `ended`
/// runs for each; `cut` is for what `other` sends, `heard` for what `one` does.
awaitable<void> pump_both(net::ByteStream& one, net::ByteStream& other,
                          std::function<void()> const& ended, FrameCounter* cut = nullptr,
                          std::function<void()> const* heard = nullptr);

/// How long the other side may take to end after one side has: both have been told. Begins to count
/// at `first_end`.
awaitable<void> linger(net::Signal& first_end);

}  // namespace bridge::local
