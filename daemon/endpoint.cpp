#include "daemon/endpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>

#include "cdp/json_scan.hpp"
#include "cdp/policy.hpp"
#include "daemon/guard.hpp"
#include "daemon/refusal.hpp"
#include "net/url.hpp"

namespace bridge {
namespace {

constexpr std::string_view kBrowserAlias = "/devtools/browser";
constexpr std::string_view kPagePrefix = "/devtools/page/";
constexpr auto kFreshLimit = 2s;
constexpr auto kAnswerLimit = 10s;

net::HttpReply protocol_reply(std::string body) {
  net::HttpReply reply;
  reply.headers.emplace_back("Content-Type", "application/json; charset=UTF-8");
  reply.body = std::move(body);
  return reply;
}

// Chrome's headers and no others, also for its messages in plain words: no browser renders this
// type.
net::HttpReply json_reply(unsigned status, std::string body) {
  auto reply = protocol_reply(std::move(body));
  reply.status = status;
  reply.headers.emplace_back("Content-Security-Policy", "frame-ancestors 'none'");
  return reply;
}

net::HttpReply not_found() {
  return net::text_reply(404, "", "text/html");
}

net::HttpReply front_page() {
  auto reply = net::text_reply(200, "", "text/html; charset=UTF-8");
  reply.headers.emplace_back("X-Frame-Options", "DENY");
  return reply;
}

// "version" of "version/extra?x"; Chrome looks at the first segment only.
std::string_view first_segment(std::string_view rest) {
  return rest.substr(0, rest.find_first_of("/?#"));
}

// Behind the first segment: "ID" of "activate/ID", nothing of "activate?x".
std::string argument_of(std::string_view rest) {
  auto const slash = rest.find_first_of("/?#");
  if (slash == std::string_view::npos || rest[slash] != '/') return {};
  return std::string(rest.substr(slash + 1));
}

// Chrome reads the query as components between "&", and this one only without a value.
bool asks_for_tabs(std::string_view rest) {
  auto const query = rest.find('?');
  if (query == std::string_view::npos) return false;
  auto left = rest.substr(query + 1);
  for (;;) {
    auto const end = left.find('&');
    if (left.substr(0, end) == "for_tab") return true;
    if (end == std::string_view::npos) return false;
    left.remove_prefix(end + 1);
  }
}

// What Chrome takes for an address: "scheme:" and anything (RFC 3986, 3.1).
bool has_scheme(std::string_view url) {
  auto const colon = url.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  auto const scheme = url.substr(0, colon);
  auto const letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  auto const other = [](char c) {
    return (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  };
  return letter(scheme.front()) &&
         std::all_of(scheme.begin(), scheme.end(), [&](char c) { return letter(c) || other(c); });
}

}  // namespace

std::string Endpoint::authority(net::HttpExchange const& exchange, std::string_view prefix) {
  auto const host = exchange.request().header("Host");
  return std::string(host.empty() ? std::string_view(exchange.local_authority()) : host) +
         std::string(prefix);
}

awaitable<void> Endpoint::handle(net::HttpExchange& exchange) {
  co_await handle_below(exchange, "");
}

awaitable<void> Endpoint::handle_below(net::HttpExchange& exchange, std::string prefix) {
  auto const& config = bridge_.config();
  if (auto refused = check_host(exchange, config.allowed_hosts)) {
    co_await exchange.reply(std::move(*refused));
    co_return;
  }
  auto const path = exchange.request().target.substr(prefix.size());
  if (exchange.request().wants_websocket()) {
    co_await upgrade(exchange, path);
    co_return;
  }
  auto reply = not_found();
  if (path == "/" || path.empty()) {
    reply = front_page();
  } else if (path == "/json" || path.starts_with("/json/") || path.starts_with("/json?")) {
    std::string rest = path.starts_with("/json/") ? path.substr(6) : "list" + path.substr(5);
    reply = co_await json_route(exchange, std::move(rest), std::move(prefix));
  } else if (path.starts_with("/json")) {
    reply = json_reply(404, "Malformed query: " + path);
  }
  co_await exchange.reply(std::move(reply));
}

awaitable<void> Endpoint::upgrade(net::HttpExchange& exchange, std::string path) {
  if (auto refused = check_origin(exchange, bridge_.config().allowed_origins)) {
    co_await exchange.reply(std::move(*refused));
    co_return;
  }
  bool const alias =
      path == "/" || path.empty() || path == kBrowserAlias || path == "/devtools/browser/";
  if (alias || path.starts_with(bridge_.browser_path())) {
    co_await bridge_.serve_socket(exchange, "");
  } else if (path.starts_with(kPagePrefix)) {
    auto target = path.substr(kPagePrefix.size());
    if (target.empty()) {
      co_await exchange.reply(no_such_target(target));
    } else {
      co_await bridge_.serve_socket(exchange, std::move(target));
    }
  } else {
    co_await exchange.reply(not_found());
  }
}

awaitable<net::HttpReply> Endpoint::json_route(net::HttpExchange& exchange, std::string rest,
                                               std::string prefix) {
  auto const command = std::string(first_segment(rest));
  auto const here = authority(exchange, prefix);
  bool const wakes = bridge_.config().start == config::Start::discovery;
  if (wakes && (command == "version" || command == "list")) {
    auto const awake = co_await wake(exchange);
    if (!awake) co_return refusal(awake.error());
  }
  if (command == "version")
    co_return json_reply(200, bridge_.discovery().version_json(here, bridge_.browser_path()));
  if (command == "list") {
    co_await refresh_targets();
    co_return json_reply(200, bridge_.discovery().list_json(here, asks_for_tabs(rest)));
  }
  if (command == "protocol") co_return protocol_reply(co_await bridge_.protocol());
  if (command == "new" || command == "activate" || command == "close") {
    if (auto forged = check_not_forged(exchange, bridge_.config().allowed_origins))
      co_return std::move(*forged);
    if (command == "new") co_return co_await new_target(exchange, rest, here);
    bool const activate = command == "activate";
    auto const argument = argument_of(rest);
    auto const id = argument.substr(0, argument.find('?'));
    // Strings made first: g++ 12 destroys a class-typed temporary of an awaited call twice.
    std::string method = activate ? "Target.activateTarget" : "Target.closeTarget";
    std::string done = activate ? "Target activated" : "Target is closing";
    co_return co_await on_target(exchange, std::move(method), id, std::move(done));
  }
  co_return json_reply(404, "Unknown command: " + command);
}

awaitable<FailureOr<>> Endpoint::wake(net::HttpExchange& exchange) {
  auto first = co_await (bridge_.up() || exchange.gone());
  if (first.index() == 0) co_return std::get<0>(std::move(first));
  co_return Failure("STOPPED", "the client left");
}

awaitable<FailureOr<std::string>> Endpoint::ask(net::HttpExchange& exchange, std::string method,
                                                std::string params) {
  auto first = co_await (bridge_.call(std::move(method), std::move(params)) || exchange.gone() ||
                         net::sleep_for(kAnswerLimit));
  if (first.index() == 0) co_return std::get<0>(std::move(first));
  if (first.index() == 1) co_return Failure("STOPPED", "the client left");
  co_return Failure("UPSTREAM_LOST", "the runtime does not answer");
}

// Chrome sends no event when a title changes, so it is asked; a runtime that is slow to answer is
// listed as last known.
awaitable<void> Endpoint::refresh_targets() {
  if (bridge_.state() != BridgeState::live) co_return;
  std::string method = "Target.getTargets";
  std::string params = R"({"filter":[{}]})";
  auto const first = co_await (bridge_.look_up(std::move(method), std::move(params)) ||
                               net::sleep_for(kFreshLimit));
  if (first.index() == 0 && std::get<0>(first)) bridge_.discovery().refresh(*std::get<0>(first));
}

awaitable<net::HttpReply> Endpoint::new_target(net::HttpExchange& exchange, std::string rest,
                                               std::string authority) {
  auto const& method = exchange.request().method;
  if (!boost::iequals(method, "PUT"))
    co_return json_reply(
        405, fmt::format("Using unsafe HTTP verb {} to invoke /json/new. This action supports only "
                         "PUT verb.",
                         method));
  auto const query = rest.find('?');
  auto url = query == std::string::npos ? std::string() : rest.substr(query + 1);
  url = net::percent_decode(url.substr(0, url.find('&')));
  if (!has_scheme(url) || !net::is_utf8(url)) url = "about:blank";
  if (cdp::ends_browser(url)) co_return json_reply(500, "Could not create new page");
  auto const params =
      fmt::format("{{\"url\":{},\"forTab\":{}}}", cdp::encode_string(url), asks_for_tabs(rest));
  auto const created = co_await ask(exchange, "Target.createTarget", params);
  if (!created) co_return refusal(created.error());
  auto const raw = cdp::find_member(*created, "targetId");
  auto const* target = bridge_.discovery().find(raw ? cdp::decode_string(*raw) : std::string());
  if (target == nullptr) co_return json_reply(500, "Could not create new page");
  auto shown = *target;
  // Chrome answers before the page has a title, and with the address that was asked for, which the
  // page may not have either.
  shown.title.clear();
  if (shown.url.empty() && !url.starts_with("javascript:")) shown.url = url;
  co_return json_reply(200, bridge_.discovery().target_json(shown, authority));
}

awaitable<net::HttpReply> Endpoint::on_target(net::HttpExchange& exchange, std::string method,
                                              std::string id, std::string done) {
  auto const* target = bridge_.discovery().find(id);
  if (target == nullptr) co_return json_reply(404, "No such target id: " + id);
  auto const params = fmt::format("{{\"targetId\":{}}}", cdp::encode_string(id));
  auto const answer = co_await ask(exchange, method, params);
  if (!answer) co_return json_reply(500, fmt::format("{}: {}", answer.error().message, id));
  if (method == "Target.activateTarget") bridge_.discovery().note_activity(id);
  co_return json_reply(200, std::move(done));
}

}  // namespace bridge
