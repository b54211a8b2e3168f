#include "api/rest_client.hpp"

#include <fmt/format.h>

#include "api/json.hpp"
#include "base/version.hpp"
#include "net/tasks.hpp"

namespace bridge::api {
namespace {

constexpr std::string_view kLocalKey = "local_";

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  auto const from = text.find_first_not_of(kBlank);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kBlank) - from + 1);
}

// As BCTRL's SDKs read a base URL: blanks and trailing slashes go, "/v1" is appended unless it is
// there.
Result<net::Url> parse_base(std::string_view text) {
  auto url = net::parse_url(trim(text));
  if (!url) return Error(Errc::bad_url, fmt::format("base_url ({})", url.error().doing));
  if (url->is_ws() || url->target.find('?') != std::string::npos)
    return Error(Errc::bad_url, "base_url (http or https, without a query)");
  while (url->target.ends_with('/')) url->target.pop_back();
  if (!url->target.ends_with("/v1")) url->target += "/v1";
  return url;
}

bool is_header_text(std::string_view text) {
  for (char const c : text)
    if (c <= 0x20 || c >= 0x7f) return false;
  return !text.empty();
}

ApiError redirect_error(net::HttpReply const& reply) {
  ApiError error;
  error.status = reply.status;
  error.code = "api.error";
  auto const to = net::parse_url(reply.header("location"));
  auto const where = to ? to->origin() : "another address";
  error.message = fmt::format("the server redirects to {}; the key is not sent there", where);
  error.hint = "set base_url to the final address";
  return error;
}

}  // namespace

Result<Server> Server::make(std::string_view base_url, Secret key) {
  auto base = parse_base(base_url);
  if (!base) return base.error();
  if (!is_header_text(key.reveal()))
    return Error(Errc::refused, "the API key is empty or holds blanks");
  bool const loopback = net::is_loopback_host(base->host);
  if (!loopback && key.reveal().starts_with(kLocalKey))
    return Error(Errc::refused,
                 fmt::format("a local_ key is for the local backend, not for {}", base->origin()));
  if (!loopback && !base->tls())
    Log("api").warn("the API key travels unencrypted to {}", base->origin());
  return Server{std::move(*base), std::move(key)};
}

net::HttpRequest Server::request(std::string method) const {
  net::HttpRequest request;
  request.method = std::move(method);
  request.headers.emplace_back("Authorization", fmt::format("Bearer {}", key.reveal()));
  request.headers.emplace_back("User-Agent", fmt::format("bctrl-bridge/{}", version()));
  return request;
}

RestClient::RestClient(net::Loop& loop, net::Reach reach, Server server, RestOptions const& options)
    : server_(std::move(server)),
      timeout_(options.timeout),
      headers_(options.headers),
      http_(loop, std::move(reach)),
      delays_(options.retry_seed) {}

awaitable<ApiResult<RestClient::Answer>> RestClient::attempt(Call const& call, Duration limit) {
  auto url = server_.base.with_target(server_.base.target + call.path);
  auto request = server_.request(call.method);
  request.body = call.body;
  request.headers.emplace_back("Accept", "application/json");
  for (auto const& [name, value] : headers_) net::set_header(request.headers, name, value);
  if (!call.body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  if (!call.idempotency_key.empty())
    request.headers.emplace_back("Idempotency-Key", call.idempotency_key);
  auto reply = co_await http_.send(std::move(url), std::move(request), limit);
  if (!reply) co_return network_error(reply.error());
  if (reply->status < 200 || reply->status >= 300) co_return reply_error(*reply);
  Answer answer;
  answer.status = reply->status;
  answer.body = std::move(reply->body);
  co_return answer;
}

awaitable<ApiResult<RestClient::Answer>> RestClient::send(Call call, Clock::time_point deadline) {
  for (unsigned tries = 1;; ++tries) {
    auto const left = deadline - Clock::now();
    auto answer = co_await attempt(call, left);
    if (answer || !is_repeatable(call.method, call.idempotency_key)) co_return answer;
    if (call.waits_itself && answer.error().retry_after.value_or(0ms) > 0ms) co_return answer;
    auto const wait = delays_.after(tries, answer.error());
    if (!wait || Clock::now() + *wait >= deadline) co_return answer;
    log_.debug("{} {}: {}; again in {} ms", call.method, call.path, answer.error().text(),
               wait->count());
    co_await net::sleep_for(*wait);
  }
}

awaitable<ApiResult<RestClient::Answer>> RestClient::ask(std::string method, std::string path,
                                                         std::string body) {
  Call call;
  call.method = std::move(method);
  call.path = std::move(path);
  call.body = std::move(body);
  auto const deadline = Clock::now() + timeout_;
  co_return co_await send(std::move(call), deadline);
}

awaitable<ApiResult<RestClient::Answer>> RestClient::wait(std::string path,
                                                          std::chrono::seconds limit) {
  Call call;
  call.method = "POST";
  call.path = std::move(path);
  call.body = fmt::format(R"({{"timeoutSeconds":{}}})", limit.count());
  auto const deadline = Clock::now() + limit + timeout_;
  co_return co_await send(std::move(call), deadline);
}

ApiError reply_error(net::HttpReply const& reply) {
  if (reply.status >= 300 && reply.status < 400) return redirect_error(reply);
  auto error = read_error(reply.status, reply.body);
  if (error.message.empty()) error.message = net::http_reason(reply.status);
  error.retry_after =
      parse_retry_after(reply.header("retry-after"), std::chrono::system_clock::now());
  if (error.request_id.empty()) error.request_id = reply.header("x-request-id");
  if (error.request_id.empty()) error.request_id = reply.header("x-bctrl-request-id");
  return error;
}

}  // namespace bridge::api
