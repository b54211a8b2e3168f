#pragma once

#include <doctest/doctest.h>

#include <list>
#include <nlohmann/json.hpp>
#include <string>

#include "daemon/daemon.hpp"
#include "net/unix_client.hpp"
#include "tests/fakes/ask.hpp"
#include "tests/fakes/cdp_client.hpp"
#include "tests/fakes/fake_platform.hpp"
#include "tests/fakes/fake_upstream.hpp"
#include "tests/fakes/until.hpp"
#include "tests/unit/local/temporary_directory.hpp"

namespace bridge::test {

/// Two bridges, main and spare, on free ports.
inline config::Config daemon_config() {
  config::Config out;
  out.service.port = 0;
  for (auto const* name : {"main", "spare"}) {
    config::Bridge bridge;
    bridge.name = name;
    bridge.port = 0;
    bridge.runtime.emplace();
    bridge.runtime->name = name;
    out.bridges.push_back(std::move(bridge));
  }
  return out;
}

/// A whole daemon between a fake platform and a fake upstream. Everything ends with it.
struct DaemonBench {
  /// `cloud`: runtimes outlive the daemon, so there are leases and a record.
  explicit DaemonBench(config::Config from = daemon_config(), bool cloud = false)
      : config(std::move(from)),
        record(cloud ? open_record() : nullptr),
        daemon(loop, config, reach, &platform, info(cloud ? "cloud" : "local"), record.get()) {
    platform.connect_url = upstream.url();
    auto const bound = daemon.listen(socket());
    REQUIRE_MESSAGE(bound.has_value(), bound.error().text());
    daemon.start();
  }
  ~DaemonBench() {
    for (auto& client : clients) client.abort();
    finish(loop, end());
    loop.io().restart();
    loop.io().run_for(10s);
    CHECK_MESSAGE(loop.io().stopped(), "something still waits after the end");
  }

  static BackendInfo info(std::string kind = "local") {
    return {std::move(kind), "a fake", "http://127.0.0.1:1/v1"};
  }
  std::unique_ptr<CrashRecord> open_record() {
    auto opened = CrashRecord::open(loop, directory.path().string());
    REQUIRE_MESSAGE(opened.has_value(), opened.error().text());
    return std::move(*opened);
  }
  awaitable<void> end() {
    (void)co_await daemon.shut_down();
    co_await upstream.stop();
  }
  [[nodiscard]] std::string socket() const { return (directory.path() / "control.sock").string(); }

  /// One request over the control socket.
  net::HttpReply control(std::string method, std::string path, std::string body = {}) {
    net::HttpRequest request;
    request.body = std::move(body);
    request.method = std::move(method);
    request.target = std::move(path);
    auto const reply = finish(loop, net::request_unix(loop, socket(), std::move(request), 30s));
    REQUIRE_MESSAGE(reply.has_value(), reply.error().text());
    return *reply;
  }
  nlohmann::json control_json(std::string method, std::string path, unsigned status = 200) {
    auto const reply = control(std::move(method), std::move(path));
    CHECK(reply.status == status);
    CHECK(reply.header("Content-Type") == "application/json");
    return nlohmann::json::parse(reply.body);
  }
  [[nodiscard]] std::uint16_t service_port() const { return port_of(daemon.service_address()); }
  [[nodiscard]] std::uint16_t bridge_port() { return port_of(daemon.bridges().at(0).http); }
  static std::uint16_t port_of(std::string const& address) {
    return static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
  }

  CdpClient& join(std::uint16_t port, std::string path) {
    auto& client = clients.emplace_back(loop);
    client.attach(port, std::move(path));
    until(loop, "the client joins", [&] { return client.status != 0; });
    CHECK(client.status == 101);
    return client;
  }

  net::Loop loop;
  TemporaryDirectory directory;
  FakePlatform platform{loop};
  FakeUpstream upstream{loop};
  config::Config config;
  net::Reach reach;
  std::unique_ptr<CrashRecord> record;
  Daemon daemon;
  std::list<CdpClient> clients;
};

}  // namespace bridge::test
