#include "local/activity.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "schema.hpp"

using namespace bridge;
using namespace bridge::local;

namespace {

Event event(std::string type, std::string status, std::string data) {
  Event made;
  made.position = 7;
  made.run = RunId{"run"};
  made.type = std::move(type);
  if (!status.empty()) made.status = std::move(status);
  made.data = std::move(data);
  return made;
}

ActivityFilter debug() {
  ActivityFilter filter;
  filter.debug = true;
  return filter;
}

}  // namespace

TEST_CASE("activity: each kind of event is a sentence in its category") {
  struct Case {
    char const* type;
    char const* status;
    char const* data;
    char const* category;
    char const* severity;
    char const* message;
    bool normal;  // shown in the normal view
  };
  for (auto const& one : {
           Case{"runtime.lifecycle", "started", R"({"browserVersion":"Chrome/1"})", "runtime",
                "info", "Runtime started (Chrome/1)", true},
           Case{"runtime.lifecycle", "failed", R"({"reason":"x","message":"it died"})", "runtime",
                "error", "Runtime failed: it died", true},
           Case{"navigation", "finished", R"({"url":"http://a/","mainFrame":true})", "browser",
                "info", "Opened http://a/", true},
           Case{"navigation", "finished", R"({"url":"http://a/","mainFrame":false})", "browser",
                "info", "Frame opened http://a/", false},
           Case{"navigation", "failed", R"({"url":"http://a/"})", "browser", "error",
                "Could not open http://a/", true},
           Case{"network.request", "started", R"({"method":"GET","url":"http://a/"})", "network",
                "info", "GET http://a/", false},
           Case{"network.response", "received", R"({"status":200,"url":"http://a/"})", "network",
                "info", "200 http://a/", false},
           Case{"network.response", "received", R"({"status":404,"url":"http://a/"})", "network",
                "warning", "404 http://a/", true},
           Case{"network.failed", "failed", R"({"url":"http://a/","errorText":"net::X"})",
                "network", "warning", "Request failed: http://a/ net::X", true},
           Case{"console.message", "", R"({"level":"log","text":"hi"})", "console", "info",
                "Console: hi", false},
           Case{"console.message", "", R"({"level":"error","text":"a\nb"})", "console", "error",
                "Console error: a b", true},
           Case{"page.error", "", R"({"message":"Error: no"})", "browser", "error",
                "Page error: Error: no", true},
           Case{"page.crash", "failed", "{}", "browser", "error", "The page crashed", true},
           Case{"dialog", "started", R"({"kind":"alert","message":"m"})", "browser", "info",
                "Dialog (alert): m", true},
           Case{"download", "finished", R"({"suggestedFilename":"f","bytes":3221225472})", "file",
                "info", "Downloaded f (3221225472 bytes)", true},
           Case{"download", "finished", R"({"suggestedFilename":"f","bytes":4})", "file", "info",
                "Downloaded f (4 bytes)", true},
       }) {
    CAPTURE(one.message);
    auto const row = event(one.type, one.status, one.data);
    auto const item = activity_view(row, debug());
    CHECK(bridge::test::violation_of("RunActivityItem", item) == "");
    CHECK(item.at("category") == one.category);
    CHECK(item.at("severity") == one.severity);
    CHECK(item.at("message") == one.message);
    CHECK(activity_view(row, ActivityFilter()).is_null() == !one.normal);
  }
}

TEST_CASE("activity: what others add stands beside the events, with its ids") {
  Activity activity;
  activity.type = "invocation.finished";
  activity.category = "invocation";
  activity.message = "Clicked";
  activity.invocation = "inv_1";
  activity.tool_call = "tc_1";
  activity.duration_seconds = 0.5;
  activity.data = R"({"a":1})";
  auto const row = activity_row(RunId{"run"}, activity, Timestamp());
  CHECK(row.type == kActivityRow);
  auto const item = activity_view(row, ActivityFilter());
  CHECK(bridge::test::violation_of("RunActivityItem", item) == "");
  CHECK(item.at("invocationId") == "inv_1");
  CHECK(item.at("durationSeconds") == 0.5);
  CHECK(item.at("data") == Json{{"a", 1}});
  ActivityFilter other;
  other.invocation = "inv_2";
  CHECK(activity_view(row, other).is_null());
}

TEST_CASE("activity: filters narrow the rows that are read, and the items") {
  ActivityFilter filter;
  filter.categories = {"network", "console"};
  filter.severities = {"warning"};
  CHECK(activity_rows(filter) == std::vector<std::string>{"activity", "network.response",
                                                          "network.failed", "console.message"});
  CHECK(activity_view(event("network.response", "", R"({"status":200})"), filter).is_null());
  CHECK_FALSE(activity_view(event("network.response", "", R"({"status":500})"), filter).is_null());
  CHECK(activity_view(event("page.error", "", "{}"), filter).is_null());
  filter = debug();
  filter.types = {"network.request"};
  CHECK(activity_rows(filter) == std::vector<std::string>{"activity", "network.request"});
}
