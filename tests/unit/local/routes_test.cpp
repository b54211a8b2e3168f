#include "local/routes.hpp"

#include <doctest/doctest.h>

#include <array>
#include <set>

#include "local/operations.hpp"

using namespace bridge::local;

namespace {

constexpr std::array kTable{
    Route{"runs.list", "GET", "/v1/runs"},
    Route{"runs.get", "GET", "/v1/runs/{runId}"},
    Route{"vault.get", "GET", "/v1/vault/secrets/{key}"},
    Route{"vault.put", "PUT", "/v1/vault/secrets/{key}"},
    Route{"proxies.get", "GET", "/v1/proxies/{proxyId}"},
    Route{"proxies.geo", "GET", "/v1/proxies/geo"},
    Route{"two", "GET", "/v1/runs/{runId}/files/{fileId}"},
};

std::string operation(std::string_view method, std::string_view path) {
  auto const answer = Routes(kTable).find(method, path);
  auto const* const found = std::get_if<Routes::Found>(&answer);
  return found == nullptr ? "" : std::string(kTable.at(found->index).operation);
}

std::string parameter(std::string_view path, std::string_view name) {
  auto const answer = Routes(kTable).find("GET", path);
  return std::get<Routes::Found>(answer).parameters.at(name);
}

}  // namespace

TEST_CASE("routes: literals and placeholders find their operation") {
  CHECK(operation("GET", "/v1/runs") == "runs.list");
  CHECK(operation("GET", "/v1/runs/abc") == "runs.get");
  CHECK(operation("PUT", "/v1/vault/secrets/k") == "vault.put");
  CHECK(operation("GET", "/v1/runs/a/files/b") == "two");
}

TEST_CASE("routes: a literal wins over a placeholder") {
  CHECK(operation("GET", "/v1/proxies/geo") == "proxies.geo");
  CHECK(operation("GET", "/v1/proxies/geo2") == "proxies.get");
}

TEST_CASE("routes: segments are decoded after splitting") {
  CHECK(operation("GET", "/v1/vault/secrets/a%2Fb") == "vault.get");
  CHECK(parameter("/v1/vault/secrets/a%2Fb%20c", "key") == "a/b c");
  CHECK(parameter("/v1/runs/r1/files/f%252F", "fileId") == "f%2F");
  CHECK(operation("GET", "/v1/vault/secrets/a/b") == "");
}

TEST_CASE("routes: an unknown path is unknown") {
  for (auto const path : {"", "/", "v1/runs", "/v1", "/v1/runs/", "/v1//runs", "/v1/runs/a/files/",
                          "/v1/runs/a/b", "/V1/runs", "http://x/v1/runs"}) {
    CAPTURE(path);
    CHECK(std::holds_alternative<Routes::Unknown>(Routes(kTable).find("GET", path)));
  }
}

TEST_CASE("routes: a known path with another method names what it takes") {
  auto const answer = Routes(kTable).find("DELETE", "/v1/vault/secrets/k");
  CHECK(std::get<Routes::WrongMethod>(answer).allow == "GET, PUT");
  CHECK(std::holds_alternative<Routes::WrongMethod>(Routes(kTable).find("get", "/v1/runs")));
}

TEST_CASE("routes: the target is split at the question mark") {
  CHECK(split_target("/v1/runs?a=b?c") ==
        std::pair<std::string_view, std::string_view>("/v1/runs", "a=b?c"));
  CHECK(split_target("/v1/runs").second.empty());
  CHECK(split_target("/v1/runs?a#b").second == "a");
}

TEST_CASE("operations: every row is unique and has a handler") {
  std::set<std::string_view> names;
  std::set<std::string> paths;
  for (auto const& row : all_operations()) {
    CAPTURE(row.route.operation);
    CHECK(bool(row.handler));
    CHECK(names.insert(row.route.operation).second);
    CHECK(paths.insert(std::string(row.route.method) + " " + std::string(row.route.path)).second);
  }
  CHECK(names.contains("runtimes.start"));
}
