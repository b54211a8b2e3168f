#include "net/ws_handshake.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

namespace bridge::net {
namespace {

HttpRequest good_request() {
  auto request = ws_request("/devtools/browser/x?y", "dGhlIHNhbXBsZSBub25jZQ==");
  request.headers.emplace_back("Host", "127.0.0.1");
  return request;
}

void set(HttpHeaders& headers, std::string_view name, std::string_view value) {
  for (auto& header : headers)
    if (header.first == name) header.second = value;
}

HttpReply good_reply() {
  return ws_answer(good_request());
}

std::string_view verdict(HttpReply const& reply) {
  return ws_check_reply(reply, "dGhlIHNhbXBsZSBub25jZQ==");
}

}  // namespace

TEST_CASE("ws_handshake: the accept value is RFC 6455's example") {
  CHECK(ws_accept_for("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_CASE("ws_handshake: keys are 16 random bytes") {
  std::set<std::string> keys;
  for (int i = 0; i < 100; ++i) {
    auto const key = ws_new_key();
    CHECK(key.size() == 24);
    CHECK(key.ends_with("=="));
    keys.insert(key);
  }
  CHECK(keys.size() == 100);
}

TEST_CASE("ws_handshake: an upgrade is a matter of listed tokens, in any case") {
  HttpRequest request;
  CHECK_FALSE(request.wants_websocket());
  request.headers = {{"connection", "keep-alive, UPGRADE"}, {"UPGRADE", "h2c, WebSocket"}};
  CHECK(request.wants_websocket());
  request.headers = {
      {"Connection", "keep-alive"}, {"Connection", "Upgrade"}, {"Upgrade", "websocket"}};
  CHECK(request.wants_websocket());
  request.headers = {{"Connection", "upgraded"}, {"Upgrade", "websocket"}};
  CHECK_FALSE(request.wants_websocket());
  request.headers = {{"Connection", "Upgrade"}, {"Upgrade", "websockets"}};
  CHECK_FALSE(request.wants_websocket());
  request.headers = {{"Connection", "Upgrade"}};
  CHECK_FALSE(request.wants_websocket());
}

TEST_CASE("ws_handshake: the answer is Chrome's, and agrees to nothing else") {
  auto request = good_request();
  request.headers.emplace_back("Sec-WebSocket-Extensions", "permessage-deflate");
  request.headers.emplace_back("Sec-WebSocket-Protocol", "chat");
  auto const reply = ws_answer(request);
  CHECK(reply.status == 101);
  CHECK(format_head(reply) ==
        "HTTP/1.1 101 WebSocket Protocol Handshake\r\n"
        "Upgrade: WebSocket\r\n"
        "Connection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        "\r\n");
}

TEST_CASE("ws_handshake: a bad version or no key is refused in Chrome's words") {
  for (std::string_view const version : {"", "8", "12", "14", "13,8", "013", "x"}) {
    CAPTURE(version);
    auto request = good_request();
    set(request.headers, "Sec-WebSocket-Version", version);
    auto const reply = ws_answer(request);
    CHECK(reply.status == 500);
    CHECK(reply.header("Content-Type") == "text/html");
    CHECK(reply.body == "Invalid request format. The version is not valid.");
  }
  auto request = good_request();
  set(request.headers, "Sec-WebSocket-Key", "");
  CHECK(ws_answer(request).status == 500);
  CHECK(ws_answer(request).body ==
        "Invalid request format. Sec-WebSocket-Key is empty or isn't specified.");
}

TEST_CASE("ws_handshake: another method or an older HTTP is a bad request") {
  auto request = good_request();
  CHECK_FALSE(ws_refusal(request).has_value());
  request.method = "POST";
  CHECK(ws_answer(request).status == 400);
  request = good_request();
  request.version = 10;
  CHECK(ws_answer(request).status == 400);
}

TEST_CASE("ws_handshake: our request is complete but for Host") {
  CHECK(format_head(good_request(), "h:1")
            .starts_with(
                "GET /devtools/browser/x?y HTTP/1.1\r\nHost: h:1\r\nUpgrade: "
                "websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"));
}

TEST_CASE("ws_handshake: a reply is checked for what it promises") {
  CHECK(verdict(good_reply()).empty());
  auto reply = good_reply();
  set(reply.headers, "Connection", "close");
  CHECK_FALSE(verdict(reply).empty());
  reply = good_reply();
  set(reply.headers, "Upgrade", "h2c");
  CHECK_FALSE(verdict(reply).empty());
  reply = good_reply();
  set(reply.headers, "Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo");
  CHECK_FALSE(verdict(reply).empty());
  reply = good_reply();
  reply.headers.emplace_back("Sec-WebSocket-Extensions", "permessage-deflate");
  CHECK_FALSE(verdict(reply).empty());
  CHECK_FALSE(ws_check_reply(good_reply(), "AAAAAAAAAAAAAAAAAAAAAA==").empty());
  reply = good_reply();
  reply.status = 200;
  CHECK_FALSE(verdict(reply).empty());
}

}  // namespace bridge::net
