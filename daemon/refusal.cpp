#include "daemon/refusal.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/html.hpp"

namespace bridge {

namespace {

// What others say of a failure may hold anything.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

}  // namespace

net::HttpReply bare_reply(unsigned status, std::string_view content_type, std::string body) {
  net::HttpReply reply;
  reply.status = status;
  reply.headers.emplace_back("Content-Type", std::string(content_type));
  reply.headers.emplace_back("X-Content-Type-Options", "nosniff");
  reply.headers.emplace_back("Cache-Control", "no-store");
  reply.body = std::move(body);
  return reply;
}

net::HttpReply refusal(Failure const& failure) {
  auto const text = one_line(failure.text());
  auto line = text;
  // A header value is visible ASCII.
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c > 0x7e; }, ' ');
  auto body = fmt::format("bctrl-bridge: {}\n{}\n", text, failure.way_out());
  auto reply = bare_reply(failure.kind().http_status, "text/plain; charset=UTF-8", std::move(body));
  reply.headers.emplace_back("x-playwright-debug-log", line);
  if (reply.status != 503) return reply;
  constexpr std::chrono::milliseconds kUsual(2000);
  auto const wait = std::chrono::ceil<std::chrono::seconds>(failure.retry_after.value_or(kUsual));
  reply.headers.emplace_back("Retry-After", std::to_string(wait.count()));
  return reply;
}

net::HttpReply no_such_target(std::string_view target) {
  auto const text = fmt::format("No such target id: {}", html_escape(target));
  return net::text_reply(500, text, "text/html");
}

std::string close_reason(Failure const& failure) {
  return fmt::format("[{}] {}", failure.code, failure.message);
}

}  // namespace bridge
