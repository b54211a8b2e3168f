#include "net/ws_handshake.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <cstdlib>

#include "net/base64.hpp"

namespace bridge::net {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 1.3

bool lists_token(HttpHeaders const& headers, std::string_view name, std::string_view token) {
  for (auto const& [key, value] : headers) {
    if (!boost::iequals(key, name)) continue;
    if (boost::beast::http::token_list{value}.exists(token)) return true;
  }
  return false;
}

}  // namespace

bool HttpRequest::wants_websocket() const {
  return lists_token(headers, "Connection", "upgrade") &&
         lists_token(headers, "Upgrade", "websocket");
}

std::string ws_accept_for(std::string_view key) {
  std::string const text = std::string(key) + std::string(kGuid);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1)
    std::abort();
  return base64({reinterpret_cast<char const*>(digest.data()), size});
}

std::string ws_new_key() {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) std::abort();
  return base64({reinterpret_cast<char const*>(bytes.data()), bytes.size()});
}

std::optional<HttpReply> ws_refusal(HttpRequest const& request) {
  if (request.version < 11) return text_reply(400, "A WebSocket needs HTTP/1.1.\n");
  if (request.method != "GET") return text_reply(400, "A WebSocket is opened with GET.\n");
  // Chrome's words and status; it has no reply of its own for what precedes.
  if (request.header("Sec-WebSocket-Version") != "13")
    return text_reply(500, "Invalid request format. The version is not valid.", "text/html");
  if (request.header("Sec-WebSocket-Key").empty())
    return text_reply(500, "Invalid request format. Sec-WebSocket-Key is empty or isn't specified.",
                      "text/html");
  return std::nullopt;
}

HttpReply ws_answer(HttpRequest const& request) {
  if (auto refused = ws_refusal(request)) return std::move(*refused);
  HttpReply reply;
  reply.status = 101;
  reply.headers.emplace_back("Upgrade", "WebSocket");
  reply.headers.emplace_back("Connection", "Upgrade");
  reply.headers.emplace_back("Sec-WebSocket-Accept",
                             ws_accept_for(request.header("Sec-WebSocket-Key")));
  return reply;
}

HttpRequest ws_request(std::string target, std::string_view key) {
  HttpRequest request;
  request.method = "GET";
  request.target = std::move(target);
  request.headers.emplace_back("Upgrade", "websocket");
  request.headers.emplace_back("Connection", "Upgrade");
  request.headers.emplace_back("Sec-WebSocket-Key", std::string(key));
  request.headers.emplace_back("Sec-WebSocket-Version", "13");
  return request;
}

std::string_view ws_check_reply(HttpReply const& reply, std::string_view key) {
  if (reply.status != 101) return "the reply does not switch protocols";
  if (!lists_token(reply.headers, "Connection", "upgrade"))
    return "the reply lacks Connection: Upgrade";
  if (!lists_token(reply.headers, "Upgrade", "websocket"))
    return "the reply lacks Upgrade: websocket";
  if (reply.header("Sec-WebSocket-Accept") != ws_accept_for(key))
    return "Sec-WebSocket-Accept is wrong";
  if (!reply.header("Sec-WebSocket-Extensions").empty())
    return "an extension nobody offered was chosen";
  return {};
}

}  // namespace bridge::net
