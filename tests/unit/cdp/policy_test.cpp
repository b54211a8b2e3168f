#include "cdp/policy.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "cdp/json_scan.hpp"

namespace bridge::cdp {
namespace {

/// Params of a Target.sendMessageToTarget that carries `message`.
std::string carrying(std::string_view message) {
  return fmt::format(R"({{"sessionId":"S","message":{}}})", encode_string(message));
}

std::string sending(std::string_view message) {
  return fmt::format(R"({{"id":1,"method":"Target.sendMessageToTarget","params":{}}})",
                     carrying(message));
}

}  // namespace

TEST_CASE("policy: only the commands of the table are special") {
  CHECK(rule_for("Browser.close") == Rule::leave);
  CHECK(rule_for("Browser.crash") == Rule::refuse);
  CHECK(rule_for("Browser.crashGpuProcess") == Rule::refuse);
  CHECK(rule_for("Target.exposeDevToolsProtocol") == Rule::refuse);
  CHECK(rule_for("Target.sendMessageToTarget") == Rule::look_inside);
  CHECK(rule_for("Target.activateTarget") == Rule::note_activity);
  CHECK(rule_for("Page.bringToFront") == Rule::note_activity);
  for (std::string_view const method :
       {"", "A", "Browser", "Browser.", "Browser.closed", "Browser.clos", "browser.close",
        "Browser.close ", "Page.close", "Target.closeTarget", "Tethering.bind", "zzz"}) {
    CAPTURE(method);
    CHECK(rule_for(method) == Rule::forward);
  }
}

TEST_CASE("policy: no address that ends the browser is opened, however it is written") {
  for (std::string_view const url :
       {"chrome://quit", "chrome://quit/", "CHROME://Quit/?x", "chrome:quit", "chrome:///quit#a",
        "chrome:\\\\restart", " chrome://restart", "chr\nome://qu\tit", "chrome://%71uit",
        "about:quit", "about:restart", "view-source:chrome://quit", "chrome://quit:80/",
        "chrome://quit./"}) {
    CAPTURE(url);
    CHECK(ends_browser(url));
    CHECK(rule_for_url(nlohmann::json{{"url", url}}.dump()) == Rule::refuse);
    auto const inside =
        nlohmann::json{{"id", 1}, {"method", "Target.createTarget"}, {"params", {{"url", url}}}};
    CHECK(rule_for_nested(carrying(inside.dump())) == Rule::refuse);
  }
  for (std::string_view const url :
       {"", "about:blank", "chrome://version", "chrome://quitter", "chrome://restarts/", "quit",
        "https://quit/", "https://a.example/?u=chrome://quit", "data:text/html,chrome://quit"}) {
    CAPTURE(url);
    CHECK_FALSE(ends_browser(url));
    CHECK(rule_for_url(nlohmann::json{{"url", url}}.dump()) == Rule::forward);
  }
  CHECK(rule_for_url(R"({"url":"about:blank","\u0075rl":"chrome://quit"})") == Rule::refuse);
  for (std::string_view const params : {"", "null", "[]", "{}", R"({"url":5})"})
    CHECK(rule_for_url(params) == Rule::forward);
}

TEST_CASE("policy: a harmless command inside another is forwarded") {
  CHECK(rule_for_nested(carrying(R"({"id":1,"method":"Runtime.evaluate","params":{}})")) ==
        Rule::forward);
  CHECK(rule_for_nested(carrying(R"({"id":1,"method":"Page.bringToFront"})")) == Rule::forward);
  CHECK(rule_for_nested(carrying(R"({"id":1,"method":"Foo","params":{"a":"Browser.close"}})")) ==
        Rule::forward);
  CHECK(rule_for_nested(carrying(sending(R"({"id":1,"method":"Runtime.enable"})"))) ==
        Rule::forward);
}

TEST_CASE("policy: commands that Chrome itself refuses are left to it") {
  for (std::string_view const params :
       {"", "null", "[]", "{}", R"({"sessionId":"S"})", R"({"message":5})"}) {
    CAPTURE(params);
    CHECK(rule_for_nested(params) == Rule::forward);
  }
}

TEST_CASE("policy: a forbidden command inside another is refused, however it is written") {
  for (std::string_view const message :
       {R"({"id":1,"method":"Browser.close"})", R"({"method":"Browser.close","id":1})",
        R"( { "id" : 1 , "method" : "Browser.crash" } )",
        R"({"id":1,"method":"Target.exposeDevToolsProtocol","params":{"targetId":"T"}})",
        R"({"id":1,"method":"Browser.crashGpuProcess","sessionId":"S"})",
        R"({"id":1,"method":"Browser\u002eclose"})", R"({"id":1,"\u006dethod":"Browser.close"})",
        R"({"id":1e0,"method":"Browser.close"})"}) {
    CAPTURE(message);
    CHECK(rule_for_nested(carrying(message)) == Rule::refuse);
    CHECK(rule_for_nested(carrying(sending(message))) == Rule::refuse);
  }
  // Every character of the inner text escaped once more, and the member's name too.
  std::string hidden;
  for (char const c : std::string_view(R"({"id":1,"method":"Browser.close"})"))
    hidden += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
  CHECK(rule_for_nested(fmt::format(R"({{"message":"{}"}})", hidden)) == Rule::refuse);
  CHECK(rule_for_nested(fmt::format(R"({{"m\u0065ssage":"{}"}})", hidden)) == Rule::refuse);
}

// Chrome 156 obeys the last of two equal members (measured).
TEST_CASE("policy: a second message member cannot hide behind a harmless first") {
  auto const good = encode_string(R"({"id":1,"method":"Browser.getVersion"})");
  auto const bad = encode_string(R"({"id":2,"method":"Browser.close"})");
  CHECK(rule_for_nested(fmt::format(R"({{"message":{},"message":{}}})", good, bad)) ==
        Rule::refuse);
  CHECK(rule_for_nested(fmt::format(R"({{"message":{},"message":{}}})", bad, good)) ==
        Rule::refuse);
  CHECK(rule_for_nested(fmt::format(R"({{"message":{},"message":{}}})", good, good)) ==
        Rule::forward);
}

// Chrome 156 takes raw control characters in strings and \v (measured): RFC 8259 does not.
TEST_CASE("policy: a message we cannot read is not let through") {
  for (std::string_view const message :
       {"{\"id\":1,\"method\":\"Browser.close\",\"params\":{\"a\":\"\x01\"}}",
        R"({"id":1,"method":"Browser.close","params":{"a":"\v"}})",
        "{\"id\":1,\v\"method\":\"Browser.close\"}", R"({"id":1e-400,"method":"Browser.close"})",
        "", "x", "[]", R"({"method":"Browser.close"})"}) {
    CAPTURE(message);
    CHECK(rule_for_nested(carrying(message)) == Rule::refuse);
  }
}

TEST_CASE("policy: wrapping without end is refused") {
  std::string message = R"({"id":1,"method":"Runtime.enable"})";
  for (int i = 0; i < 8; ++i) message = sending(message);
  CHECK(rule_for_nested(carrying(message)) == Rule::forward);
  CHECK(rule_for_nested(carrying(sending(message))) == Rule::refuse);
}

}  // namespace bridge::cdp
