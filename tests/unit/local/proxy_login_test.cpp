#include "local/proxy_login.hpp"

#include <doctest/doctest.h>

using namespace bridge::local;

namespace {

RuntimePlan::Proxy proxy(std::string user, std::string word) {
  RuntimePlan::Proxy made;
  made.username = std::move(user);
  made.password = std::move(word);
  return made;
}

}  // namespace

TEST_CASE("proxy login: a tunnel's request gets it and is else what it was") {
  auto const head = with_login(
      "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nproxy-connection: keep-alive\r\nUser-Agent: x\r\n"
      "\r\n",
      proxy("Aladdin", "open sesame"));
  CHECK(head ==
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nUser-Agent: x\r\n"
        "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n");
  CHECK(is_connect(head));
}

TEST_CASE("proxy login: any other request is the last of its connection, and so is its reply") {
  auto const head = with_login(
      "GET http://a/ HTTP/1.1\r\nHost: a\r\nProxy-Connection: keep-alive\r\nConnection: x\r\n"
      "Proxy-Authorization: Basic old\r\n\r\n",
      proxy("u", ""));
  CHECK(head ==
        "GET http://a/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        "Proxy-Authorization: Basic dTo=\r\n\r\n");
  CHECK_FALSE(is_connect(head));
  CHECK(as_last_reply("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nX: y\r\n\r\n") ==
        "HTTP/1.1 200 OK\r\nX: y\r\nConnection: close\r\n\r\n");
}

TEST_CASE("proxy login: SOCKS has both parts with their lengths in front") {
  CHECK(socks_login(proxy("user", "pw")) == std::string("\x01\x04user\x02pw"));
  CHECK(socks_login(proxy("", "")) == std::string("\x01\x00\x00", 3));
  auto const longest = socks_login(proxy(std::string(255, 'a'), "b"));
  CHECK(longest.size() == 259);
  CHECK(static_cast<unsigned char>(longest[1]) == 255);
}
