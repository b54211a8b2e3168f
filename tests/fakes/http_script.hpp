#pragma once

#include <boost/asio/co_spawn.hpp>
#include <cstdint>
#include <deque>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "net/loop.hpp"
#include "net/tasks.hpp"

namespace bridge::test {

/// An HTTP/1.1 server on 127.0.0.1 that answers the requests it gets, in their order, with canned
/// bytes. It runs on the test's Loop: call stop() before the driving coroutine ends, or run() waits
/// for it.
class HttpScript {
 public:
  struct Seen {
    std::size_t connection = 0;  ///< numbered from 1 as they were accepted
    std::string head;            ///< request line and headers, with the empty line
    std::string body;

    [[nodiscard]] std::string line() const { return head.substr(0, head.find("\r\n")); }
    [[nodiscard]] bool has(std::string_view text) const {
      return head.find(text) != std::string::npos;
    }
  };

  explicit HttpScript(net::Loop& loop);
  HttpScript(HttpScript const&) = delete;
  HttpScript& operator=(HttpScript const&) = delete;

  /// The next answer, as raw bytes; the connection stays open.
  HttpScript& raw(std::string bytes);
  /// A whole reply with a JSON body; `headers` are lines that each end in CRLF.
  HttpScript& json(unsigned status, std::string_view body, std::string_view headers = {});
  /// Sends `bytes` and closes: an answer cut short, or none at all.
  HttpScript& raw_then_close(std::string bytes = {});
  /// Takes the request and stays silent.
  HttpScript& hang();

  /// Ends every connection. On the Loop only: cancelling a coroutine from outside of run() is not
  /// safe in Asio 1.26.
  awaitable<void> stop();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// "http://127.0.0.1:<port><path>".
  [[nodiscard]] std::string url(std::string_view path = {}) const;
  [[nodiscard]] std::vector<Seen> const& seen() const { return seen_; }
  [[nodiscard]] std::size_t connections() const { return connections_; }

 private:
  enum class After { stay, close, hang };
  struct Step {
    std::string bytes;
    After after = After::stay;
  };

  awaitable<void> accept_loop();
  awaitable<void> serve(Tcp::socket socket, std::size_t number);
  Step next_step();

  Tcp::acceptor acceptor_;
  std::uint16_t port_;
  std::deque<Step> steps_;
  std::vector<Seen> seen_;
  std::size_t connections_ = 0;
  net::Tasks tasks_;
};

/// Drives `body` to its end and leaves the loop's other work pending, unlike run().
template <class T>
void drive(net::Loop& loop, awaitable<T> body) {
  std::exception_ptr failure;
  bool ended = false;
  asio::co_spawn(loop.io(), std::move(body), [&](std::exception_ptr thrown, auto&&...) {
    failure = thrown;
    ended = true;
  });
  loop.io().restart();
  while (!ended && loop.io().run_one_for(std::chrono::minutes(1)) != 0) {
  }
  if (failure) std::rethrow_exception(failure);
  if (!ended) throw std::runtime_error("the test's coroutine did not end");
}

}  // namespace bridge::test
