#include "cdp/responses.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "cdp/session_state.hpp"

using namespace bridge::cdp;

namespace {

FrameTree showing(std::string const& loader) {
  FrameTree frames;
  frames.learn(R"({"frameTree":{"frame":{"id":"F","loaderId":")" + loader +
               R"(","url":"http://x/"}}})");
  return frames;
}

/// Network's events of one client, by their request.
struct Heard {
  void asked(std::string const& request, std::string const& loader, std::string const& more = "") {
    responses.on_event(
        "Network.requestWillBeSent",
        R"({"requestId":")" + request + R"(","loaderId":")" + loader + "\"" + more + "}");
  }
  void answered(std::string const& request, bool extra, std::string const& status = "200") {
    responses.on_event("Network.responseReceived",
                       R"({"requestId":")" + request + R"(","response":{"url":"x","status":)" +
                           status + R"(,"headers":{"A":"1"}},"hasExtraInfo":)" +
                           (extra ? "true}" : "false}"));
  }
  void explained(std::string const& request) {
    responses.on_event("Network.responseReceivedExtraInfo",
                       R"({"requestId":")" + request + R"(","headers":{}})");
  }
  void failed(std::string const& request) {
    responses.on_event("Network.loadingFailed", R"({"requestId":")" + request + R"("})");
  }
  std::vector<std::string> missed(std::string const& loader) {
    return responses.catch_up(showing(loader));
  }
  Responses responses;
};

using All = std::vector<std::string>;

std::string extra_info(std::string const& request, std::string const& status) {
  return R"({"method":"Network.responseReceivedExtraInfo","params":{"requestId":")" + request +
         R"(","blockedCookies":[],"headers":{"A":"1"},"resourceIPAddressSpace":"Unknown","statusCode":)" +
         status + "}";
}

}  // namespace

TEST_CASE("responses: what was promised and did not come is made of what is known, once") {
  Heard heard;
  heard.asked("L", "L");
  heard.answered("L", true, "204");
  CHECK(heard.missed("L") == All{extra_info("L", "204")});
  CHECK(heard.missed("L").empty());
}

TEST_CASE("responses: extra information may come first, or behind") {
  Heard heard;
  heard.explained("1");
  heard.answered("1", true);
  heard.answered("2", true);
  heard.explained("2");
  heard.answered("3", false);
  CHECK(heard.missed("L").empty());
  heard.explained("4");
  CHECK(heard.missed("L").empty());
  heard.answered("4", true);  // on the next connection
  CHECK(heard.missed("L").empty());
}

TEST_CASE("responses: every redirect has its own") {
  auto const redirect = std::string(
      R"(,"redirectHasExtraInfo":true,"redirectResponse":{"status":302,"headers":{"A":"1"}})");
  Heard heard;
  heard.asked("1", "L");
  heard.asked("1", "L", redirect);
  heard.explained("1");
  heard.asked("1", "L", redirect);
  heard.answered("1", true);
  CHECK(heard.missed("L") == All{extra_info("1", "302"), extra_info("1", "200")});
}

TEST_CASE("responses: a document that is shown had a response; one that is not may still get it") {
  Heard heard;
  heard.asked("L", "L");
  heard.asked("1", "L");
  CHECK(heard.missed("before").empty());
  CHECK(heard.missed("L") ==
        All{R"({"method":"Network.loadingFailed","params":{"requestId":"L","timestamp":0,)"
            R"("type":"Document","errorText":"net::ERR_ABORTED","canceled":true})"});
  CHECK(heard.missed("L").empty());
}

TEST_CASE("responses: who has heard the end waits for nothing") {
  Heard heard;
  heard.asked("L", "L");
  heard.answered("L", false);
  heard.asked("M", "M");
  heard.failed("M");
  heard.answered("1", true);
  heard.failed("1");
  CHECK(heard.missed("L").empty());
  CHECK(heard.missed("M").empty());
}

TEST_CASE("responses: a page that is never answered takes no memory without end") {
  Heard heard;
  for (int i = 0; i < 5000; ++i) heard.answered(std::to_string(i), true);
  CHECK(heard.missed("L").size() <= 1000);
}
