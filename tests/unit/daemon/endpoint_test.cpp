#include "daemon/endpoint.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tests/unit/daemon/bench.hpp"

using namespace bridge;
using nlohmann::json;
using test::bridge_config;

namespace {

struct Bench : test::Bench {
  using test::Bench::Bench;
  net::HttpReply ask(std::string_view method, std::string_view target,
                     std::string_view headers = {}) {
    return test::ask(loop, server.port(), method, target, headers);
  }
  net::HttpReply get(std::string_view target) { return ask("GET", target); }
  std::vector<std::string> listed(std::string_view target = "/json/list") {
    std::vector<std::string> ids;
    for (auto const& entry : json::parse(get(target).body)) ids.push_back(entry.at("id"));
    return ids;
  }
  net::HttpReply with_host(std::string_view target, std::string_view host) {
    return test::ask_raw(loop, server.port(),
                         fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", target, host));
  }
};

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("endpoint: /json/version echoes the Host as it came, cold and live, and wakes nobody") {
  Bench bench;
  bool live = false;
  SUBCASE("cold") {}
  SUBCASE("live") {
    REQUIRE(bench.up().has_value());
    live = true;
  }
  for (std::string const host :
       {"localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:9222", "a.localhost"}) {
    CAPTURE(host);
    auto const reply = bench.with_host("/json/version", host);
    CHECK(reply.status == 200);
    CHECK(reply.header("Content-Type") == "application/json; charset=UTF-8");
    CHECK(reply.header("Content-Security-Policy") == "frame-ancestors 'none'");
    auto const body = json::parse(reply.body);
    CHECK(body.at("webSocketDebuggerUrl") ==
          fmt::format("ws://{}{}", host, bench.bridge.browser_path()));
    CHECK(body.at("Browser") == (live ? "Chrome/156.0.8078.79" : "Chrome"));
    CHECK(body.at("Protocol-Version") == "1.3");
  }
  CHECK(bench.platform.calls.size() == (live ? 3U : 0U));
}

TEST_CASE("endpoint: without a Host header the address is our own") {
  Bench bench;
  auto const reply =
      test::ask_raw(bench.loop, bench.server.port(), "GET /json/version HTTP/1.1\r\n\r\n");
  CHECK(json::parse(reply.body).at("webSocketDebuggerUrl") ==
        fmt::format("ws://127.0.0.1:{}{}", bench.server.port(), bench.bridge.browser_path()));
}

TEST_CASE("endpoint: the forms of a route that Chrome takes, and those it does not") {
  Bench bench;
  struct Row {
    std::string target;
    unsigned status;
    char const* body;  ///< of an error
  };
  for (auto const& row : {
           Row{"/json/version", 200, ""},
           Row{"/json/version/", 200, ""},
           Row{"/json/version/extra?x", 200, ""},
           Row{"/json/version?x=1", 200, ""},
           Row{"/json", 200, "[  ]\n"},
           Row{"/json?x", 200, "[  ]\n"},
           Row{"/json/list/abc", 200, "[  ]\n"},
           Row{"/json/", 404, "Unknown command: "},
           Row{"/json/tabs", 404, "Unknown command: tabs"},
           Row{"/json/LIST", 404, "Unknown command: LIST"},
           Row{"/json/foo/bar", 404, "Unknown command: foo"},
           Row{"/json/<b>", 404, "Unknown command: <b>"},
           Row{"/jsonx", 404, "Malformed query: /jsonx"},
           Row{"/json.html", 404, "Malformed query: /json.html"},
           Row{"/json%2Flist", 404, "Malformed query: /json%2Flist"},
           Row{"/JSON/version", 404, ""},
           Row{"//json/version", 404, ""},
           Row{"/index.html", 404, ""},
           Row{"/metrics", 404, ""},
           Row{"/devtools/browser", 404, ""},
           Row{"/", 200, ""},
       }) {
    CAPTURE(row.target);
    auto const reply = bench.get(row.target);
    CHECK(reply.status == row.status);
    if (row.status != 200 || row.body[0] != '\0') CHECK(reply.body == row.body);
    bool const is_json = reply.header("Content-Type") == "application/json; charset=UTF-8";
    CHECK(reply.header("Content-Security-Policy") == (is_json ? "frame-ancestors 'none'" : ""));
    auto const html = row.target == "/" ? "text/html; charset=UTF-8" : "text/html";
    CHECK((is_json || reply.header("Content-Type") == html));
  }
}

TEST_CASE("endpoint: the method does not matter to a read") {
  Bench bench;
  for (std::string const method : {"GET", "POST", "PUT", "DELETE", "OPTIONS"}) {
    CAPTURE(method);
    CHECK(bench.ask(method, "/json/version").status == 200);
  }
}

TEST_CASE("endpoint: a foreign Host is refused before anything else") {
  Bench bench;
  for (auto const* target : {"/json/version", "/nope", "/json/close/T1"})
    CHECK(bench.with_host(target, "evil.com").status == 500);
  auto config = bridge_config();
  config.allowed_hosts.push_back("host.docker.internal");
  Bench allowing(config);
  CHECK(allowing.with_host("/json/version", "host.docker.internal:9222").status == 200);
}

TEST_CASE("endpoint: targets are listed by last use, Chrome's own pages last, tabs on demand") {
  Bench bench;
  bench.upstream.add_target("UI", "browser_ui", "ui");
  bench.upstream.add_target("T1", "page", "A&B");
  bench.upstream.add_target("TAB", "tab", "");
  bench.upstream.add_target("W", "worker", "w");
  bench.upstream.add_target("T2", "page", "two");
  CHECK(bench.listed() == Ids{});
  REQUIRE(bench.up().has_value());
  CHECK(bench.listed() == Ids{"T2", "T1", "UI", "W"});
  CHECK(bench.listed("/json/list?for_tab") == Ids{"T2", "T1", "UI", "W", "TAB"});
  CHECK(bench.listed("/json?x&for_tab") == Ids{"T2", "T1", "UI", "W", "TAB"});
  CHECK(bench.listed("/json/list?for_tab=1") == Ids{"T2", "T1", "UI", "W"});
  CHECK(bench.get("/json/activate/T1").body == "Target activated");
  CHECK(bench.listed() == Ids{"T1", "T2", "UI", "W"});
  auto const first = json::parse(bench.get("/json").body).at(0);
  CHECK(first.at("title") == "A&amp;B");
  CHECK(first.at("webSocketDebuggerUrl") ==
        fmt::format("ws://127.0.0.1:{}/devtools/page/T1", bench.server.port()));
}

TEST_CASE("endpoint: a title that changed without an event is listed") {
  Bench bench;
  bench.upstream.add_target("T1", "page", "one");
  REQUIRE(bench.up().has_value());
  bench.upstream.rename_target("T1", "two");
  CHECK(json::parse(bench.get("/json/list").body).at(0).at("title") == "two");
}

TEST_CASE("endpoint: a runtime that is slow to answer is listed as last known") {
  Bench bench;
  bench.upstream.add_target("T1", "page", "one");
  REQUIRE(bench.up().has_value());
  bench.upstream.silent = true;
  CHECK(bench.listed() == Ids{"T1"});
}

TEST_CASE("endpoint: /json/new takes PUT only, and an address percent-encoded up to the first &") {
  Bench bench;
  REQUIRE(bench.up().has_value());
  auto const refused = bench.get("/json/new?about:blank");
  CHECK(refused.status == 405);
  CHECK(refused.body ==
        "Using unsafe HTTP verb GET to invoke /json/new. This action supports only PUT verb.");
  struct Row {
    std::string target;
    char const* url;
  };
  for (auto const& row : {
           Row{"/json/new", "about:blank"},
           Row{"/json/new?", "about:blank"},
           Row{"/json/new/", "about:blank"},
           Row{"/json/new?example", "about:blank"},
           Row{"/json/new?url=about:blank", "about:blank"},
           Row{"/json/new/https://a.test", "about:blank"},
           Row{"/json/new?https://a.test/%3Fx=%22&for_tab", "https://a.test/?x=\""},
       }) {
    CAPTURE(row.target);
    auto const reply = bench.ask("put", row.target);
    REQUIRE(reply.status == 200);
    auto const made = json::parse(reply.body);
    CHECK(made.at("title") == "");
    // The fake keeps the address as the title; the list shows it escaped.
    auto const listed = json::parse(bench.get("/json").body).at(0);
    CHECK(listed.at("id") == made.at("id"));
    auto expected = std::string(row.url);
    if (expected.back() == '"') expected.replace(expected.size() - 1, 1, "&quot;");
    CHECK(listed.at("title") == expected);
  }
}

TEST_CASE("endpoint: a sleeping runtime opens no page") {
  Bench bench;
  auto const reply = bench.ask("PUT", "/json/new?about:blank");
  CHECK(reply.status == 503);
  CHECK(reply.body.starts_with("bctrl-bridge: [STOPPED] the runtime sleeps\n"));
  CHECK(bench.get("/json/close/T1").status == 404);
  CHECK(bench.platform.calls.empty());
}

TEST_CASE("endpoint: close and activate answer as Chrome does") {
  Bench bench;
  bench.upstream.add_target("T1", "page", "one");
  REQUIRE(bench.up().has_value());
  CHECK(bench.ask("POST", "/json/activate/T1?q").body == "Target activated");
  auto const closed = bench.get("/json/close/T1");
  CHECK(closed.status == 200);
  CHECK(closed.body == "Target is closing");
  for (std::string const id : {"T1", "", "t2", "T2/", "a/b"}) {
    CAPTURE(id);
    auto const again = bench.get(fmt::format("/json/close/{}", id));
    CHECK(again.status == 404);
    CHECK(again.body == fmt::format("No such target id: {}", id));
  }
  CHECK(bench.get("/json/activate").body == "No such target id: ");
}

TEST_CASE("endpoint: an activate or close without an id, whatever its query, names no target") {
  Bench bench;
  bench.upstream.add_target("T1", "page", "one");
  REQUIRE(bench.up().has_value());
  CHECK(bench.get("/json/close?id=T1").body == "No such target id: ");
  CHECK(bench.get("/json/activate?T1").body == "No such target id: ");
}

TEST_CASE("endpoint: a sleeping runtime has the pinned schema at /json/protocol") {
  Bench bench;
  auto const reply = bench.get("/json/protocol");
  CHECK(reply.status == 200);
  CHECK(reply.header("Content-Type") == "application/json; charset=UTF-8");
  CHECK(json::parse(reply.body).at("version").at("major") == "1");
  CHECK(bench.get("/json/protocol/").body == reply.body);
  CHECK(bench.platform.calls.empty());
}

TEST_CASE("endpoint: an address that is no text opens about:blank") {
  Bench bench;
  REQUIRE(bench.up().has_value());
  CHECK(bench.ask("PUT", "/json/new?http://%ff%fe").status == 200);
  // The fake keeps the address as the title.
  CHECK(json::parse(bench.get("/json").body).at(0).at("title") == "about:blank");
}

TEST_CASE("endpoint: a bad handshake wakes nobody") {
  Bench bench;
  auto const ask = [&](std::string_view headers) {
    return bench.ask("GET", "/",
                     fmt::format("Connection: Upgrade\r\nUpgrade: websocket\r\n{}", headers));
  };
  CHECK(ask("Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: x\r\n").status == 500);
  CHECK(ask("Sec-WebSocket-Version: 13\r\n").body ==
        "Invalid request format. Sec-WebSocket-Key is empty or isn't specified.");
  CHECK(bench.platform.calls.empty());
}

TEST_CASE("endpoint: requests of other sites change nothing") {
  Bench bench;
  bench.upstream.add_target("T1", "page", "one");
  REQUIRE(bench.up().has_value());
  for (auto const* headers : {"Origin: https://evil.com\r\n", "Sec-Fetch-Site: cross-site\r\n"}) {
    CHECK(bench.ask("PUT", "/json/new", headers).status == 403);
    CHECK(bench.ask("GET", "/json/close/T1", headers).status == 403);
    CHECK(bench.ask("GET", "/json/activate/T1", headers).status == 403);
    CHECK(bench.ask("GET", "/json/list", headers).status == 200);
  }
  CHECK(bench.upstream.count("Target.createTarget") == 0);
  CHECK(bench.upstream.count("Target.closeTarget") == 0);
}

TEST_CASE("endpoint: a call in flight when the upstream drops is answered") {
  Bench bench;
  bench.upstream.add_target("T1", "page", "one");
  REQUIRE(bench.up().has_value());
  bench.upstream.silent = true;
  Tcp::socket asker(bench.loop.io());
  asker.connect(Tcp::endpoint(asio::ip::address_v4::loopback(), bench.server.port()));
  auto const request = fmt::format("GET /json/activate/T1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  asker.send(asio::buffer(request));
  bench.until("the call is on its way",
              [&] { return bench.upstream.count("Target.activateTarget") == 1; });
  bench.upstream.drop();
  bench.until("it is answered", [&] { return asker.available() > 0; });
  std::string reply(asker.available(), '\0');
  asker.receive(asio::buffer(reply));
  CHECK(reply.starts_with("HTTP/1.1 500 "));
}

TEST_CASE("endpoint: the browser is reached by its path, as a prefix, and by short aliases") {
  Bench bench;
  auto const path = bench.bridge.browser_path();
  for (auto const& alias : {path, path + "/", path + "zzz", path + "?x", std::string("/"),
                            std::string("/devtools/browser"), std::string("/devtools/browser/")}) {
    CAPTURE(alias);
    bench.join(alias);
  }
  CHECK(bench.upstream.count("Target.attachToBrowserTarget") == 7);
  for (std::string const other :
       {"/json/version", "/devtools/browser/00000000-0000-4000-8000-000000000000",
        "/devtools/worker/x", "/devtools"}) {
    CAPTURE(other);
    CHECK(bench.refused(other).status == 404);
  }
}

TEST_CASE("endpoint: an upgrade from another origin is refused before it wakes anything") {
  Bench bench;
  auto const port = bench.server.port();
  auto const refused =
      test::ask_raw(bench.loop, port, test::handshake(port, "/", "Origin: https://evil.com\r\n"));
  CHECK(refused.status == 403);
  CHECK(bench.platform.calls.empty());
  auto const own = fmt::format("Origin: http://127.0.0.1:{}\r\n", port);
  CHECK(test::ask_raw(bench.loop, port, test::handshake(port, "/", own)).status == 101);
}

TEST_CASE("endpoint: replies leave the connection open") {
  Bench bench;
  auto const request = std::string("GET /json/version HTTP/1.1\r\nHost: localhost\r\n\r\n");
  Tcp::socket peer(bench.loop.io());
  peer.connect(Tcp::endpoint(asio::ip::address_v4::loopback(), bench.server.port()));
  for (int i = 0; i < 2; ++i) {
    peer.send(asio::buffer(request));
    bench.until("it is answered", [&] { return peer.available() > 0; });
    std::string reply(peer.available(), '\0');
    peer.receive(asio::buffer(reply));
    CHECK(reply.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(reply.find("\r\nContent-Length:") != std::string::npos);
  }
}
