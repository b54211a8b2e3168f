#include "daemon/refusal.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "net/ws_codec.hpp"

using namespace bridge;

TEST_CASE("refusal: the reply says code, reason and way out, and Playwright's log gets a line") {
  Failure failure("CONTROLLER_BUSY", "connect to wss://cdp.test: 409 runtime.controller_busy");
  failure.request_id = "req_7";
  auto const reply = refusal(failure);
  CHECK(reply.status == 503);
  CHECK(reply.body ==
        "bctrl-bridge: [CONTROLLER_BUSY] connect to wss://cdp.test: 409 runtime.controller_busy "
        "(request req_7)\n"
        "Wait until the other CDP client or hosted invocation ends, or stop it.\n");
  CHECK(reply.header("x-playwright-debug-log") == failure.text());
  CHECK(reply.header("Content-Type") == "text/plain; charset=UTF-8");
  CHECK(reply.header("X-Content-Type-Options") == "nosniff");
  CHECK(reply.header("Cache-Control") == "no-store");
  CHECK(reply.header("Retry-After") == "2");
}

TEST_CASE("refusal: only a 503 says that trying again helps") {
  CHECK(refusal(Failure("NO_SUCH_BRIDGE", "x")).header("Retry-After").empty());
}

TEST_CASE("refusal: header and message are one line whatever the other side wrote") {
  for (auto const& kind : failure_kinds()) {
    CAPTURE(kind.code);
    Failure failure(kind.code, "a\r\nX-Evil: 1\n\tb\x7f\x1b[31m \xc3\xa4");
    failure.request_id = "req\r\n7";
    auto const reply = refusal(failure);
    CHECK(reply.status == kind.http_status);
    auto const line = std::string(reply.header("x-playwright-debug-log"));
    CHECK(std::all_of(line.begin(), line.end(), [](char c) { return c >= 0x20 && c <= 0x7e; }));
    CHECK(std::count(reply.body.begin(), reply.body.end(), '\n') == 2);
    CHECK(reply.body.find('\r') == std::string::npos);
    CHECK(reply.body.find('\x1b') == std::string::npos);
    CHECK(reply.body.find("\xc3\xa4") != std::string::npos);
    CHECK(reply.body.ends_with(std::string(kind.way_out) + "\n"));
  }
}

TEST_CASE("refusal: an unknown target is answered as Chrome does, but escaped") {
  auto const reply = no_such_target("<b>A&B</b>");
  CHECK(reply.status == 500);
  CHECK(reply.body == "No such target id: &lt;b&gt;A&amp;B&lt;/b&gt;");
  CHECK(reply.header("Content-Type") == "text/html");
}

TEST_CASE("refusal: a close reason begins with the code, so that cutting it leaves that") {
  auto const reason = close_reason(Failure("UPSTREAM_LOST", std::string(200, 'x')));
  CHECK(reason.starts_with("[UPSTREAM_LOST] xxx"));
  CHECK(net::cut_close_reason(reason).starts_with("[UPSTREAM_LOST] "));
}
