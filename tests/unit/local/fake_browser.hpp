#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/scope_exit.hpp"
#include "net/http_server.hpp"
#include "temporary_directory.hpp"

namespace bridge::test {

/// A DevTools port without a browser: answers /json/version and /json/list, echoes what its web
/// sockets say.
class FakeDevtools final : public net::HttpHandler {
 public:
  explicit FakeDevtools(net::Loop& loop) : server_(loop, *this, {}, "fake devtools") {
    server_.listen("127.0.0.1", 0).value();
    server_.start();
  }
  [[nodiscard]] std::uint16_t port() const { return server_.port(); }
  [[nodiscard]] std::size_t sockets() const { return sockets_; }
  awaitable<void> stop() { return server_.stop(); }

  awaitable<void> handle(net::HttpExchange& exchange) override {
    if (!exchange.request().wants_websocket()) {
      net::HttpReply reply;
      bool const version = exchange.request().target == "/json/version";
      reply.body = version ? R"({"Browser":"Chrome/1.2.3.4"})" : R"([{"type":"page"}])";
      [[maybe_unused]] auto const sent = co_await exchange.reply(std::move(reply));
      co_return;
    }
    net::WsLimits const limits;
    auto ws = co_await exchange.accept_websocket(limits);
    if (!ws) co_return;
    auto const left = scope_exit([this] { --sockets_; });
    ++sockets_;
    Echo echo(**ws);
    [[maybe_unused]] auto const end = co_await (*ws)->run(echo);
  }

 private:
  class Echo final : public net::WsReceiver {
   public:
    explicit Echo(net::WsStream& to) : to_(to) {}
    void on_message(net::WsOpcode, std::span<char> payload) override {
      [[maybe_unused]] bool const queued =
          to_.send(std::string_view(payload.data(), payload.size()));
    }

   private:
    net::WsStream& to_;
  };

  net::HttpServer server_;
  std::size_t sockets_ = 0;
};

/// A program that looks like Chromium to its starter.
class FakeBrowser {
 public:
  explicit FakeBrowser(std::string const& behaviour) {
    program_ = directory_.path() / "browser";
    std::ofstream file(program_);
    file << "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Fake 1.2.3.4' && exit 0\n"
         << "echo \"$@\" > '" << (directory_.path() / "arguments").string() << "'\n"
         << "env > '" << (directory_.path() / "environment").string() << "'\n"
         << behaviour << "\n";
    file.close();
    std::filesystem::permissions(program_, std::filesystem::perms::owner_all);
  }
  /// Announces `devtools` and lives until it is told to end.
  explicit FakeBrowser(FakeDevtools const& devtools)
      : FakeBrowser(fmt::format("echo 'DevTools listening on "
                                "ws://127.0.0.1:{}/devtools/browser/fake' >&2\nexec sleep 600",
                                devtools.port())) {}

  [[nodiscard]] std::string program() const { return program_.string(); }
  [[nodiscard]] std::string arguments() const { return read("arguments"); }
  [[nodiscard]] std::string environment() const { return read("environment"); }

 private:
  [[nodiscard]] std::string read(char const* name) const {
    std::ifstream file(directory_.path() / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  TemporaryDirectory directory_;
  std::filesystem::path program_;
};

}  // namespace bridge::test
