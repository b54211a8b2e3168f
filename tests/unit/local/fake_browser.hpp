#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <list>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/scope_exit.hpp"
#include "net/http_server.hpp"
#include "net/url.hpp"
#include "temporary_directory.hpp"

namespace bridge::test {

/// A DevTools port without a browser: answers /json/version and /json/list. On its web sockets it
/// answers commands as `answer` says and echoes what is no command.
class FakeDevtools final : public net::HttpHandler {
 public:
  using Json = nlohmann::json;

  explicit FakeDevtools(net::Loop& loop) : server_(loop, *this, {}, "fake devtools") {
    server_.listen("127.0.0.1", 0).value();
    server_.start();
  }

  /// A command's answer without its id, {"result": ...} or {"error": ...}; null: none, ever.
  std::function<Json(Json const& command)> answer = [](Json const&) {
    return Json{{"result", Json::object()}};
  };
  /// The commands heard so far, on whichever socket.
  std::vector<Json> heard;

  [[nodiscard]] std::uint16_t port() const { return server_.port(); }
  [[nodiscard]] net::Url url() const {
    return net::parse_url(fmt::format("ws://127.0.0.1:{}/devtools/browser/fake", port())).value();
  }
  [[nodiscard]] std::size_t sockets() const { return sockets_.size(); }
  /// Says it on every socket.
  void say(std::string_view text) {
    for (auto* const socket : sockets_) [[maybe_unused]] bool const queued = socket->send(text);
  }
  void say_json(Json const& message) {
    auto const text = message.dump();
    say(text);
  }
  /// Cuts every socket.
  void cut() {
    for (auto* const socket : sockets_) socket->abort();
  }
  awaitable<void> stop() { return server_.stop(); }

  awaitable<void> handle(net::HttpExchange& exchange) override {
    if (!exchange.request().wants_websocket()) {
      net::HttpReply reply;
      bool const version = exchange.request().target == "/json/version";
      reply.body = version ? R"({"Browser":"Chrome/1.2.3.4"})" : R"([{"type":"page"}])";
      [[maybe_unused]] auto const sent = co_await exchange.reply(std::move(reply));
      co_return;
    }
    net::WsLimits limits;
    limits.queue_max = 1ULL << 30;  // what a test says is said
    auto ws = co_await exchange.accept_websocket(limits);
    if (!ws) co_return;
    auto const place = sockets_.insert(sockets_.end(), ws->get());
    auto const left = scope_exit([this, place] { sockets_.erase(place); });
    Peer peer(*this, **ws);
    [[maybe_unused]] auto const end = co_await (*ws)->run(peer);
  }

 private:
  class Peer final : public net::WsReceiver {
   public:
    Peer(FakeDevtools& fake, net::WsStream& to) : fake_(fake), to_(to) {}
    void on_message(net::WsOpcode, std::span<char> payload) override {
      std::string text(payload.data(), payload.size());
      auto const command = Json::parse(text, nullptr, false);
      if (command.is_object() && command.contains("method")) {
        fake_.heard.push_back(command);
        auto reply = fake_.answer(command);
        if (reply.is_null()) return;
        reply["id"] = command.at("id");
        if (command.contains("sessionId")) reply["sessionId"] = command.at("sessionId");
        text = reply.dump();
      }
      [[maybe_unused]] bool const queued = to_.send(std::string_view(text));
    }

   private:
    FakeDevtools& fake_;
    net::WsStream& to_;
  };

  net::HttpServer server_;
  std::list<net::WsStream*> sockets_;
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
