#include "local/proxies.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/asio/ip/address.hpp>
#include <nlohmann/json.hpp>

#include "base/version.hpp"
#include "local/proxy_address.hpp"
#include "net/http_reply_reader.hpp"
#include "net/tasks.hpp"

namespace bridge::local {
namespace {

constexpr auto kTrialLimit = 15s;
constexpr std::size_t kReplyMax = 64 * 1024;
constexpr std::size_t kTextMax = 255;
constexpr std::size_t kNameMax = 200;
constexpr std::int64_t kPortMax = 65'535;

Problem invalid(std::string_view field, std::string message) {
  auto problem = Problem::invalid(field, std::move(message));
  problem.code = "proxy.invalid";
  return problem;
}

std::string sealed_for(std::string_view id) {
  return fmt::format("proxy:{}", id);
}

std::optional<Problem> check_text(Json const& given, char const* name, std::size_t longest) {
  auto const member = given.find(name);
  if (member == given.end() || member->is_null()) return std::nullopt;
  auto const& text = member->get_ref<std::string const&>();
  if (text.empty() || text.size() > longest || !is_proxy_login(text))
    return invalid(
        name, fmt::format("{} must be 1 to {} bytes without control characters.", name, longest));
  return std::nullopt;
}

std::optional<Problem> check_whole(Json const& body) {
  for (auto const* const name : {"protocol", "host", "port"})
    if (!body.contains(name))
      return invalid(name, fmt::format("A custom proxy needs a url, or a protocol, a host and a "
                                       "port; {} is missing.",
                                       name));
  if (!is_proxy_host(body.at("host").get_ref<std::string const&>()))
    return invalid("host", "host must be a name or an address.");
  auto const port = body.at("port").get<double>();
  if (port < 1 || port > static_cast<double>(kPortMax))
    return invalid("port", "port must be from 1 to 65535.");
  auto const username = body.value("username", "");
  if (username.find(':') != std::string::npos)
    return invalid("username", "username must be without a colon.");
  if (body.contains("sealed") && username.empty())
    return invalid("username", "A password needs a username.");
  return std::nullopt;
}

std::optional<std::string> ip_in(std::string_view body) {
  std::string text(body);
  if (auto const parsed = parse_json(body); parsed && parsed->is_object()) {
    auto const ip = parsed->find("ip");
    text = ip != parsed->end() && ip->is_string() ? ip->get<std::string>() : "";
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.pop_back();
  boost::system::error_code ec;
  auto const address = asio::ip::make_address(text, ec);
  if (ec) return std::nullopt;
  return address.to_string();
}

}  // namespace

net::TunnelProxy SavedProxy::tunnel() const {
  net::TunnelProxy made;
  if (protocol == "socks5") made.protocol = net::TunnelProxy::Protocol::socks5;
  made.host = host;
  made.port = port;
  made.userinfo = username;
  if (!password.empty()) made.userinfo += ":" + password.reveal();
  made.resolves_here = resolves_here;
  return made;
}

std::optional<Problem> Proxies::merge(std::string_view id, Json const& given, Json& body) {
  auto const before = body;
  std::optional<std::string> password;
  if (auto const url = given.find("url"); url != given.end()) {
    auto const address = read_proxy_address(url->get_ref<std::string const&>());
    if (!address)
      return invalid("url", "url must be http:// or socks5://, [user:password@]host:port.");
    body["protocol"] = address->protocol;
    body["host"] = address->host;
    body["port"] = address->port;
    body.erase("username");
    body.erase("sealed");
    if (!address->username.empty()) body["username"] = address->username;
    password = address->password;
  }
  for (auto const* const name : {"username", "password"})
    if (auto problem = check_text(given, name, kTextMax)) return problem;
  if (auto problem = check_text(given, "name", kNameMax)) return problem;
  for (auto const* const name : {"name", "protocol", "host", "port", "username", "dnsResolution"}) {
    auto const member = given.find(name);
    if (member == given.end()) continue;
    body.erase(name);
    if (!member->is_null()) body[name] = *member;
  }
  if (auto const own = given.find("password"); own != given.end()) {
    body.erase("sealed");
    password.reset();
    if (!own->is_null()) password = own->get<std::string>();
  }
  // A password that was for another address does not go to this one.
  for (auto const* const name : {"protocol", "host", "port"})
    if (body.value(name, Json()) != before.value(name, Json())) body.erase("sealed");
  if (password && !password->empty()) body["sealed"] = seal_.seal(*password, sealed_for(id));
  if (auto problem = check_whole(body)) return problem;
  if (!body.contains("name"))
    body["name"] = net::host_and_port(body.at("host").get_ref<std::string const&>(),
                                      body.at("port").get<std::uint16_t>());
  return std::nullopt;
}

SavedProxy Proxies::read(Document const& proxy) const {
  auto const body = Json::parse(proxy.body);
  SavedProxy saved;
  saved.protocol = body.at("protocol");
  saved.host = body.at("host");
  saved.port = body.at("port");
  saved.username = body.value("username", "");
  saved.resolves_here = body.value("dnsResolution", "") == "local";
  if (auto const sealed = body.find("sealed"); sealed != body.end())
    saved.password =
        Secret(seal_.unseal(sealed->get_ref<std::string const&>(), sealed_for(proxy.id)));
  return saved;
}

Outcome<SavedProxy> Proxies::find_proxy(std::string const& id,
                                        std::optional<std::string> const& owner) {
  auto const found = all_.find(id);
  if (!found || (owner && found->scope != *owner)) return Problem::not_found("proxy", id);
  return read(*found);
}

std::optional<Problem> Proxies::check_config(Json const& config,
                                             std::optional<std::string> const& owner) {
  auto const proxy = config.value("proxy", Json());
  bool const managed = proxy.is_object() &&
                       (proxy.contains("pool") || proxy.value("type", "").starts_with("managed"));
  if (managed)
    return Problem(403, "local.unsupported", "A local backend has no managed proxies.",
                   "Give config.proxy an address, or the id of a custom proxy of yours.");
  bool const by_id =
      proxy.is_string() && proxy.get_ref<std::string const&>().find("://") == std::string::npos;
  if (!by_id) return std::nullopt;
  auto const found = find_proxy(proxy, owner);
  return found ? std::nullopt : std::optional(found.error());
}

std::optional<RuntimeId> Proxies::user_of(std::string const& id) {
  Range range;
  for (;;) {
    auto const slice = store_.runtimes({}, range);
    for (auto const& runtime : slice.rows) {
      auto const proxy = Json::parse(runtime.config).value("proxy", Json());
      if (proxy == id || (proxy.is_object() && proxy.value("id", Json()) == id)) return runtime.id;
    }
    range.after = slice.next();
    if (!range.after) return std::nullopt;
  }
}

awaitable<Result<net::HttpReply>> Proxies::ask_through(SavedProxy proxy, net::Url target) {
  auto const reach = outside_.reach();
  if (!reach) co_return reach.error();
  auto tunnel = proxy.tunnel();
  auto bytes = co_await net::connect_through(outside_.loop(), std::move(tunnel), target,
                                             (*reach)->tls, kTrialLimit);
  if (!bytes) co_return bytes.error();
  net::HttpRequest request;
  request.method = "GET";
  request.target = target.target;
  request.headers = {{"Accept", "application/json"},
                     {"User-Agent", fmt::format("bctrl-bridge/{}", version())},
                     {"Connection", "close"}};
  auto const head = net::format_head(request, target.authority());
  std::array<asio::const_buffer, 1> const pieces{asio::buffer(head)};
  auto const sent = co_await (*bytes)->send(pieces);
  if (!sent) co_return sent.error();
  std::string leftover;
  auto answer = co_await net::read_reply(**bytes, leftover, false, kReplyMax);
  if (!answer) co_return answer.error();
  co_return std::move(answer->reply);
}

awaitable<Proxies::Trial> Proxies::try_out(SavedProxy proxy) {
  Trial trial;
  auto const target = net::parse_url(test_target_);
  if (!target) {
    trial.error = "the address to try proxies with is none";
    co_return trial;
  }
  auto const doing = fmt::format("get {} through the proxy", target->origin());
  auto const begun = Clock::now();
  net::Url asked = *target;
  auto const reply =
      co_await net::within(kTrialLimit, ask_through(std::move(proxy), std::move(asked)), doing);
  trial.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  if (!reply) {
    trial.error = reply.error().text();
    co_return trial;
  }
  trial.status = reply->status;
  trial.ok = reply->status / 100 == 2;
  if (trial.ok)
    trial.exit_ip = ip_in(reply->body);
  else
    trial.error = fmt::format("{} answered {} {}", target->origin(), reply->status,
                              net::http_reason(reply->status));
  co_return trial;
}

Json proxy_view(Document const& proxy) {
  auto view = Json::parse(proxy.body);
  view["hasPassword"] = view.erase("sealed") > 0;
  view["id"] = proxy.id;
  view["createdAt"] = rfc3339(proxy.created_at);
  view["updatedAt"] = rfc3339(proxy.updated_at);
  view["subaccountId"] = proxy.scope.empty() ? Json() : Json(proxy.scope);
  return view;
}

}  // namespace bridge::local
