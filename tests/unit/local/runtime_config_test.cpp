#include "local/runtime_config.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "schema.hpp"

using namespace bridge::local;

namespace {

std::string bad_field(Json const& config) {
  auto const problem = check_config(config);
  return problem ? Json::parse(problem->details).at("field").get<std::string>() : "";
}

}  // namespace

TEST_CASE("runtime config: every known field of the right type passes, unknown ones too") {
  CHECK(bad_field(Json::parse(R"({
    "autoUpgrade": true, "extensionIds": ["a"], "forceOpenShadowRoots": false,
    "fingerprint": {"browser": "chrome", "viewport": {"width": 1, "height": 2}, "x": 1},
    "idleTimeoutSeconds": 60, "profile": true, "proxy": null, "stealth": "best",
    "networkTraffic": {"saver": "light", "blockAds": true, "blockResourceTypes": ["font"],
                       "urlAllowlist": ["a"], "urlBlocklist": []},
    "webRtcProxyOnly": true, "somethingNew": {"a": 1}})")) == "");
}

TEST_CASE("runtime config: a wrong type names the field by its path") {
  struct Case {
    char const* config;
    char const* field;
  };
  for (auto const& [config, field] : {
           Case{R"({"profile": 1})", "config.profile"},
           Case{R"({"stealth": "ultra"})", "config.stealth"},
           Case{R"({"extensionIds": [1]})", "config.extensionIds"},
           Case{R"({"idleTimeoutSeconds": 1.5})", "config.idleTimeoutSeconds"},
           Case{R"({"idleTimeoutSeconds": -1})", "config.idleTimeoutSeconds"},
           Case{R"({"idleTimeoutSeconds": 18446744073709551615})", "config.idleTimeoutSeconds"},
           Case{R"({"fingerprint": []})", "config.fingerprint"},
           Case{R"({"fingerprint": {"viewport": {"width": 1}}})",
                "config.fingerprint.viewport.height"},
           Case{R"({"fingerprint": {"viewport": {"width": "1", "height": 1}}})",
                "config.fingerprint.viewport.width"},
           Case{R"({"networkTraffic": {"blockResourceTypes": ["script"]}})",
                "config.networkTraffic.blockResourceTypes"},
           Case{R"({"networkTraffic": {"urlBlocklist": ["a b"]}})",
                "config.networkTraffic.urlBlocklist"},
           Case{R"({"networkTraffic": {"urlAllowlist": [""]}})",
                "config.networkTraffic.urlAllowlist"},
           Case{R"({"proxy": 1})", "config.proxy"},
           Case{R"({"proxy": {"host": "h", "protocol": "http"}})", "config.proxy.port"},
           Case{R"({"proxy": {"url": 1}})", "config.proxy.url"},
           Case{R"({"proxy": {"url": "ftp://h:1"}})", "config.proxy.url"},
           Case{R"({"proxy": "ftp://h:1"})", "config.proxy"},
           Case{R"({"proxy": "http://user:pass%0Aword@h:1"})", "config.proxy"},
           Case{R"({"proxy": {"url": "http://h:1", "username": "a\u0001"}})",
                "config.proxy.username"},
           Case{R"({"proxy": {"host": "h", "port": 1, "protocol": "http", "password": 7}})",
                "config.proxy.password"},
           Case{R"({"proxy": {"host": "", "port": 1, "protocol": "http"}})", "config.proxy.host"},
           Case{R"({"proxy": {"host": "a;b", "port": 1, "protocol": "http"}})",
                "config.proxy.host"},
           Case{R"({"proxy": {"host": "http://p.example", "port": 1, "protocol": "http"}})",
                "config.proxy.host"},
           Case{R"({"proxy": "http://a,b:1"})", "config.proxy"},
           Case{R"({"proxy": "http://h:1/x"})", "config.proxy"},
           Case{R"({"fingerprint": {"locale": "de DE"}})", "config.fingerprint.locale"},
           Case{R"({"fingerprint": {"locale": []}})", "config.fingerprint.locale"},
           Case{R"({"fingerprint": {"timezone": "../x y"}})", "config.fingerprint.timezone"},
           Case{R"({"fingerprint": {"timezone": "Mars/Phobos"}})", "config.fingerprint.timezone"},
           Case{R"({"fingerprint": {"timezone": "Europe"}})", "config.fingerprint.timezone"},
           Case{R"({"fingerprint": {"userAgent": "a\nb"}})", "config.fingerprint.userAgent"},
       }) {
    CAPTURE(config);
    CHECK(bad_field(Json::parse(config)) == field);
  }
  CHECK(bad_field(Json::array()) == "config");
}

TEST_CASE("runtime config: the plan holds what has an effect and names what has none") {
  auto const plan = plan_of(R"({"profile": true, "idleTimeoutSeconds": 90, "stealth": "best",
      "proxy": null,
      "fingerprint": {"browser": "chrome", "viewport": {"width": 800, "height": 600}}})");
  CHECK(plan.keep_profile);
  CHECK(plan.idle_timeout == std::chrono::seconds(90));
  CHECK(plan.viewport->width == 800);
  CHECK(plan.viewport->height == 600);
  CHECK(plan.not_applied() == std::vector<std::string>{"stealth"});
  CHECK(plan.applied() == std::vector<std::string>{"fingerprint.browser", "fingerprint.viewport",
                                                   "idleTimeoutSeconds", "profile"});
  CHECK_FALSE(plan_of("{}").keep_profile);
}

TEST_CASE("runtime config: what is shown has a profile and never a proxy's password") {
  CHECK(shown_config("{}") == Json{{"profile", false}});
  for (auto const proxy :
       {R"("socks5://user:hunter2@proxy.example:1080")", R"("http://proxy.example:3128")",
        R"("px_1")", R"({"url": "http://user:hunter2@proxy.example:8080"})",
        R"({"host": "h", "port": 1, "protocol": "http", "username": "u", "password": "hunter2"})",
        R"({"pool": "pool1", "country": "DE"})", R"({"id": "px_1", "pool": "pool2"})", "null"}) {
    CAPTURE(proxy);
    auto const shown = shown_config(std::string(R"({"proxy": )") + proxy + "}");
    CHECK(shown.dump().find("hunter2") == std::string::npos);
    CHECK(bridge::test::violation_of("BrowserRuntimeConfig", shown) == "");
  }
  auto const shown = shown_config(R"({"proxy": "socks5://user:hunter2@proxy.example:1080"})");
  CHECK(shown.at("proxy") == Json{{"type", "custom"},
                                  {"protocol", "socks5"},
                                  {"host", "proxy.example"},
                                  {"port", 1080},
                                  {"hasPassword", true},
                                  {"username", "user"}});
  // The port that is meant, which is SOCKS's own.
  auto const bare = shown_config(R"({"proxy": "socks5h://proxy.example"})").at("proxy");
  CHECK(bare.at("port") == 1080);
  CHECK(bare.at("protocol") == "socks5");
  CHECK(plan_of(R"({"proxy": "socks5h://proxy.example"})").proxy->port == 1080);
}
