#include "net/http_message.hpp"

#include <doctest/doctest.h>

namespace bridge::net {

TEST_CASE("http_message: headers are found without case, the first one wins") {
  HttpHeaders const headers{{"Content-Type", "a"}, {"content-type", "b"}, {"X", ""}};
  CHECK(find_header(headers, "CONTENT-TYPE") == "a");
  CHECK(find_header(headers, "content").empty());
  CHECK(count_header(headers, "Content-type") == 2);
  HttpRequest request;
  request.headers = headers;
  CHECK(request.has("x"));
  CHECK_FALSE(request.has("y"));
}

TEST_CASE("http_message: a request says how long it is when a body is due") {
  HttpRequest request;
  request.method = "GET";
  request.target = "/json?x";
  request.headers = {{"Accept", "*/*"}};
  CHECK(format_head(request, "[::1]:80") ==
        "GET /json?x HTTP/1.1\r\nHost: [::1]:80\r\nAccept: */*\r\n\r\n");
  request.method = "POST";
  CHECK(format_head(request, "h").ends_with("Content-Length: 0\r\n\r\n"));
  request.body = "12345";
  CHECK(format_head(request, "h").ends_with("Content-Length: 5\r\n\r\n"));
  request.method = "HEAD";
  request.body.clear();
  CHECK(format_head(request, "h").find("Content-Length") == std::string::npos);
}

TEST_CASE("http_message: a reply says how long it is, spelled so that chrome://inspect finds it") {
  HttpReply reply;
  reply.headers = {{"Content-Type", "application/json"}};
  reply.body = "{}";
  CHECK(format_head(reply) ==
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n");
  reply.status = 204;
  CHECK(format_head(reply).find("Content-Length") == std::string::npos);
  reply.status = 101;
  CHECK(format_head(reply).find("Content-Length") == std::string::npos);
  reply.status = 404;
  reply.body.clear();
  CHECK(format_head(reply).starts_with("HTTP/1.1 404 Not Found\r\n"));
  CHECK(format_head(reply).ends_with("Content-Length: 0\r\n\r\n"));
}

TEST_CASE("http_message: reasons are the registered ones, but for Chrome's upgrade") {
  CHECK(http_reason(101) == "WebSocket Protocol Handshake");
  CHECK(http_reason(431) == "Request Header Fields Too Large");
  CHECK(http_reason(503) == "Service Unavailable");
}

}  // namespace bridge::net
