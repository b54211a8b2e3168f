#include "local/viewers.hpp"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/embed.hpp"
#include "base/scope_exit.hpp"
#include "local/routes.hpp"

namespace bridge::local {

BRIDGE_EMBED(live_page, BRIDGE_LIVE_PAGE)
BRIDGE_EMBED(live_script, BRIDGE_LIVE_SCRIPT)
BRIDGE_EMBED(player_page, BRIDGE_PLAYER_PAGE)
BRIDGE_EMBED(player_script, BRIDGE_PLAYER_SCRIPT)
BRIDGE_EMBED(viewer_style, BRIDGE_VIEWER_STYLE)

namespace {

// What a viewer says is small: input, and pasted text at most.
constexpr std::size_t kMessageMax = 1ULL << 20;
constexpr std::size_t kQueueMax = 32ULL << 20;

net::HttpReply content(std::string_view type, std::string body) {
  net::HttpReply reply;
  reply.headers.emplace_back("Content-Type", type);
  reply.body = std::move(body);
  return reply;
}

// The address is the key: it must not travel on to other sites, nor stay in a cache.
void add_care(net::HttpReply& reply) {
  reply.headers.emplace_back("Cache-Control", "no-store");
  reply.headers.emplace_back("Referrer-Policy", "no-referrer");
  reply.headers.emplace_back("X-Content-Type-Options", "nosniff");
  reply.headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
  reply.headers.emplace_back(
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
      "connect-src 'self'; base-uri 'none'; form-action 'none'");
}

Problem no_such_view() {
  return Problem(404, "request.not_found", "This address shows nothing, or nothing any more.",
                 "Ask for a new one.");
}

std::optional<std::size_t> index_in(std::string_view name) {
  constexpr std::string_view kBegin = "frames/";
  if (!name.starts_with(kBegin)) return std::nullopt;
  name.remove_prefix(kBegin.size());
  std::size_t index = 0;
  auto const read = std::from_chars(name.data(), name.data() + name.size(), index);
  if (read.ec != std::errc() || read.ptr != name.data() + name.size()) return std::nullopt;
  return index;
}

}  // namespace

Outcome<Secret> Viewers::lease(ViewLease lease) {
  auto const token = leases_.add(std::move(lease), now());
  if (!token)
    return Problem(503, "viewer.mint_failed", "Too many addresses have not expired yet.",
                   "Let them expire sooner: expiresInSeconds.");
  return Secret(fmt::format("{}{}{}/", origin_, kPath, token->reveal()));
}

awaitable<void> Viewers::handle(net::HttpExchange& exchange, std::string_view path,
                                std::string_view request_id) {
  auto const rest = path.substr(kPath.size());
  auto const token = rest.substr(0, rest.find('/'));
  auto const name = rest.substr(std::min(token.size() + 1, rest.size()));
  auto const lease = leases_.find(token, now());
  bool const live = lease && lease->kind == ViewLease::Kind::live;
  if (live && name == "socket" && exchange.request().wants_websocket() && !closing_) {
    co_await watch(exchange, *lease);
    co_return;
  }
  auto answer = lease ? file(*lease, name) : Outcome<net::HttpReply>(no_such_view());
  if (exchange.request().method != "GET") answer = Problem::wrong_method("GET");
  auto reply = answer ? std::move(*answer) : error_reply(answer.error(), request_id);
  add_care(reply);
  [[maybe_unused]] auto const sent = co_await exchange.reply(std::move(reply));
}

Outcome<net::HttpReply> Viewers::file(ViewLease const& lease, std::string_view name) {
  constexpr auto kHtml = "text/html; charset=UTF-8";
  constexpr auto kScript = "text/javascript; charset=UTF-8";
  bool const live = lease.kind == ViewLease::Kind::live;
  if (name.empty()) return content(kHtml, std::string(live ? live_page() : player_page()));
  if (name == "page.js")
    return content(kScript, std::string(live ? live_script() : player_script()));
  if (name == "page.css") return content("text/css; charset=UTF-8", std::string(viewer_style()));
  if (live) return no_such_view();
  if (name == "frames") return json_reply(200, recordings_.index(lease.run));
  auto const index = index_in(name);
  if (!index) return no_such_view();
  auto picture = recordings_.picture(lease.run, *index);
  if (!picture) return no_such_view();
  return content("image/jpeg", std::move(*picture));
}

awaitable<void> Viewers::watch(net::HttpExchange& exchange, ViewLease lease) {
  net::WsLimits limits;
  limits.message_max = kMessageMax;
  limits.queue_max = kQueueMax;
  auto ws = co_await exchange.accept_websocket(limits);
  if (!ws) co_return;
  auto const run = store_.run(lease.run);
  if (!run) co_return;
  LiveView view(loop_, runtimes_, run->runtime, std::move(lease), std::move(*ws));
  auto const place = live_.insert(live_.end(), &view);
  auto const left = scope_exit([this, place] {
    live_.erase(place);
    left_.notify_all();
  });
  co_await view.serve();
}

awaitable<void> Viewers::stop() {
  closing_ = true;
  for (auto* const view : live_) view->abort();
  while (!live_.empty()) co_await left_.wait();
}

}  // namespace bridge::local
