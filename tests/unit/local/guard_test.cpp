#include "local/guard.hpp"

#include <doctest/doctest.h>

using namespace bridge::local;
using bridge::net::HttpHeaders;
using bridge::net::HttpRequest;

namespace {

HttpRequest with(HttpHeaders headers) {
  HttpRequest request;
  request.headers = std::move(headers);
  return request;
}

unsigned sender(HttpHeaders headers) {
  auto const problem = check_sender(with(std::move(headers)));
  return problem ? problem->status : 200;
}

std::string key(HttpHeaders headers) {
  auto const request = with(std::move(headers));
  auto const read = read_key(request);
  return read ? "" : read.error().code;
}

}  // namespace

TEST_CASE("guard: only names of this machine are taken as Host") {
  for (auto const host :
       {"127.0.0.1:8787", "localhost", "LOCALHOST:1", "[::1]:8787", "a.localhost"}) {
    CAPTURE(host);
    CHECK(sender({{"Host", host}}) == 200);
  }
  for (auto const host : {"example.com", "127.0.0.1.nip.io", "localhost.evil.com", ""}) {
    CAPTURE(host);
    CHECK(sender({{"Host", host}}) == 403);
  }
  CHECK(sender({}) == 403);
  CHECK(sender({{"Host", "localhost"}, {"Host", "localhost"}}) == 403);
}

TEST_CASE("guard: a web page's Origin is refused, our own is not") {
  CHECK(sender({{"Host", "127.0.0.1:1"}, {"Origin", "http://127.0.0.1:1"}}) == 200);
  for (auto const origin :
       {"http://127.0.0.1:2", "https://127.0.0.1:1", "http://evil.com", "null", ""}) {
    CAPTURE(origin);
    CHECK(sender({{"Host", "127.0.0.1:1"}, {"Origin", origin}}) == 403);
  }
}

TEST_CASE("guard: any local key is taken, nothing else") {
  CHECK(key({{"Authorization", "Bearer local_x"}}) == "");
  CHECK(key({{"authorization", "bearer local_"}}) == "");
  CHECK(key({}) == "auth.required");
  CHECK(key({{"Authorization", "Bearer bctrl_live"}}) == "auth.invalid");
  CHECK(key({{"Authorization", "Basic local_x"}}) == "auth.invalid");
  CHECK(key({{"Authorization", "Bearer"}}) == "auth.invalid");
}
