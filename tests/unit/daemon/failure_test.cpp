#include "daemon/failure.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

using namespace bridge;

namespace {

namespace fs = std::filesystem;

/// The sources of daemon/; tests run in the project's root.
std::string daemon_sources() {
  std::ostringstream all;
  for (auto const& file : fs::directory_iterator("daemon"))
    if (file.path().extension() == ".cpp") all << std::ifstream(file.path()).rdbuf();
  return all.str();
}

std::set<std::string> codes_matching(std::string const& text, std::string const& form) {
  std::set<std::string> out;
  std::regex const regex(form);
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at)
    out.insert((*at)[1].str());
  return out;
}

api::ApiError api_error(unsigned status, std::string code, std::string message) {
  auto error = api::client_error(std::move(code), std::move(message));
  error.status = status;
  return error;
}

}  // namespace

TEST_CASE("failure: every code that the daemon uses has a row") {
  auto const sources = daemon_sources();
  std::set<std::string> used;
  for (auto const* form : {R"re(Failure[ \w]*\(\s*"([A-Z_]+)")re", R"re(code = "([A-Z_]+)")re",
                           R"re("\[([A-Z_]+)\])re", R"re("code", "([A-Z_]+)")re"})
    used.merge(codes_matching(sources, form));
  CHECK(used.contains("CONTROLLER_BUSY"));
  CHECK(used.contains("SLOW_READER"));
  CHECK(used.contains("NO_SUCH_BRIDGE"));
  CHECK(used.size() >= 12);
  for (auto const& code : used) {
    CAPTURE(code);
    CHECK(find_failure(code) != nullptr);
  }
}

TEST_CASE("failure: every row is in docs/errors.md with its status and exit code") {
  std::stringstream doc;
  doc << std::ifstream("docs/errors.md").rdbuf();
  auto const text = doc.str();
  for (auto const& kind : failure_kinds()) {
    auto const row = fmt::format("| {} | {} | {} | ", kind.code, kind.http_status, kind.exit);
    CAPTURE(row);
    CHECK(text.find(row) != std::string::npos);
  }
}

TEST_CASE("failure: rows are complete, in order, and found whatever the case") {
  auto const kinds = failure_kinds();
  CHECK(std::is_sorted(kinds.begin(), kinds.end(),
                       [](auto const& a, auto const& b) { return a.code < b.code; }));
  for (auto const& kind : kinds) {
    CAPTURE(kind.code);
    CHECK(kind.meaning.ends_with('.'));
    CHECK(kind.way_out.ends_with('.'));
    CHECK(kind.http_status >= 400);
    CHECK(kind.exit != exit_code::ok);
    CHECK(find_failure(kind.code) == &kind);
  }
  CHECK(find_failure("controller_busy")->code == "CONTROLLER_BUSY");
  CHECK(find_failure("NO_SUCH_CODE") == nullptr);
  CHECK(find_failure("") == nullptr);
}

TEST_CASE("failure: a code without a row is a bug and says so") {
  CHECK_THROWS_AS((void)Failure("NO_SUCH_CODE", "x").kind(), std::logic_error);
}

TEST_CASE("failure: its text names code, message and request") {
  Failure failure("AUTH", "start the runtime: 401 auth.invalid_key");
  CHECK(failure.text() == "[AUTH] start the runtime: 401 auth.invalid_key");
  failure.request_id = "req_7";
  CHECK(failure.text() == "[AUTH] start the runtime: 401 auth.invalid_key (request req_7)");
}

TEST_CASE("failure: an API error keeps its request id, and the text has it once") {
  auto error = api_error(401, "auth.invalid_key", "no such key");
  error.request_id = "req_7";
  auto const failure = failure_of(error, "start the runtime");
  CHECK(failure.request_id == "req_7");
  CHECK(failure.text() ==
        "[AUTH] start the runtime: 401 auth.invalid_key: no such key (request req_7)");
}

TEST_CASE("failure: a browser that cannot be hosted is no trouble of the network") {
  for (auto const* code :
       {"runtime.host_unavailable", "run.browser_host_unavailable", "storage.unavailable"})
    CHECK(failure_of(api_error(503, code, "the disk is full"), "start").code == "START_FAILED");
  CHECK(failure_of(api_error(503, "api.unavailable", "down"), "start").code == "API_UNREACHABLE");
}

TEST_CASE("failure: what an API error holds of a secret is not shown") {
  Secret const secret("wss://cdp.test/run/0123456789abcdef");
  auto const error = api_error(500, "api.error", "no route to " + secret.reveal());
  auto const failure = failure_of(error, "start the runtime");
  CHECK(failure.code == "API_UNREACHABLE");
  CHECK(failure.text().find("0123456789abcdef") == std::string::npos);
}

TEST_CASE("failure: value() of a result without one throws the failure's text") {
  FailureOr<int> const failed = Failure("QUOTA", "no credits");
  CHECK_THROWS_WITH((void)failed.value(), "[QUOTA] no credits");
}
