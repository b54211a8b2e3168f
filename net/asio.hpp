#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "base/result.hpp"

namespace bridge {

namespace asio = boost::asio;
using asio::awaitable;
using boost::system::error_code;
using Tcp = asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using Duration = Clock::duration;
using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

/// auto [ec, n] = co_await socket.async_read_some(buffer, no_throw);
inline constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);

}  // namespace bridge
