#include "api/rest_platform.hpp"

#include <fmt/format.h>

#include "api/json.hpp"
#include "base/backoff.hpp"
#include "base/version.hpp"
#include "net/tasks.hpp"
#include "net/url.hpp"

namespace bridge::api {
namespace {

constexpr std::string_view kLocalKey = "local_";
constexpr std::chrono::milliseconds kPollFirst{250};
constexpr std::chrono::milliseconds kPollMost{2000};

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

std::string runtime_path(RuntimeId const& id, std::string_view rest = {}) {
  return fmt::format("/runtimes/{}{}", net::percent_encode(id.value), rest);
}

/// "?a=1&b=2" behind a path; empty values are left out, lists repeat their name.
class QueryText {
 public:
  explicit QueryText(std::string path) : text_(std::move(path)) {}

  QueryText& add(std::string_view name, std::string_view value) {
    if (value.empty()) return *this;
    text_ += fmt::format("{}{}={}", first_ ? '?' : '&', name, net::percent_encode(value));
    first_ = false;
    return *this;
  }
  QueryText& add(std::string_view name, std::vector<std::string> const& values) {
    for (auto const& value : values) add(name, value);
    return *this;
  }
  QueryText& page(std::string const& cursor, unsigned limit) {
    if (limit != 0) add("limit", std::to_string(limit));
    return add("cursor", cursor);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  bool first_ = true;
};

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

bool is_usable(Secret const& connect_url) {
  return net::parse_url(connect_url.reveal()).has_value();
}

bool is_already_stopped(ApiError const& error) {
  return error.is_not_found() || error.code == "runtime.not_active";
}

ApiError not_ready(RuntimeId const& id, std::string_view why) {
  return client_error("runtime.not_ready", fmt::format("runtime {} {}", id.value, why));
}

ApiResult<RuntimeStart> checked(RuntimeStart start) {
  if (is_usable(start.connect_url)) return start;
  return client_error("api.error", fmt::format("the connectUrl of runtime {} is not an address",
                                               start.runtime.value));
}

/// What `read` makes of an answer; an answer it cannot read keeps its status.
template <class Answer, class T>
ApiResult<T> read_with(ApiResult<Answer> const& answer, ApiResult<T> (*read)(std::string_view)) {
  if (!answer) return answer.error();
  auto value = read(answer->body);
  if (value) return value;
  auto error = value.error();
  error.status = answer->status;
  return error;
}

}  // namespace

Result<std::unique_ptr<RestPlatform>> RestPlatform::make(net::Loop& loop, net::Reach reach,
                                                         RestOptions options) {
  auto base = parse_base(options.base_url);
  if (!base) return base.error();
  if (!is_header_text(options.key.reveal()))
    return Error(Errc::refused, "the API key is empty or holds blanks");
  bool const loopback = net::is_loopback_host(base->host);
  if (!loopback && options.key.reveal().starts_with(kLocalKey))
    return Error(Errc::refused,
                 fmt::format("a local_ key is for the local backend, not for {}", base->origin()));
  std::unique_ptr<RestPlatform> platform(
      new RestPlatform(loop, std::move(reach), std::move(options), std::move(*base)));
  if (!loopback && !platform->base_.tls())
    platform->log_.warn("the API key travels unencrypted to {}", platform->base_.origin());
  return platform;
}

RestPlatform::RestPlatform(net::Loop& loop, net::Reach reach, RestOptions options, net::Url base)
    : options_(std::move(options)),
      base_(std::move(base)),
      http_(loop, std::move(reach)),
      delays_(options_.retry_seed) {}

net::HttpRequest RestPlatform::request_for(Call const& call) const {
  net::HttpRequest request;
  request.method = call.method;
  request.body = call.body;
  request.headers.emplace_back("Authorization", fmt::format("Bearer {}", options_.key.reveal()));
  request.headers.emplace_back("Accept", "application/json");
  request.headers.emplace_back("User-Agent", fmt::format("bctrl-bridge/{}", version()));
  if (!call.body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  if (!call.idempotency_key.empty())
    request.headers.emplace_back("Idempotency-Key", call.idempotency_key);
  return request;
}

awaitable<ApiResult<RestPlatform::Answer>> RestPlatform::attempt(Call const& call, Duration limit) {
  auto url = base_.with_target(base_.target + call.path);
  auto request = request_for(call);
  auto reply = co_await http_.send(std::move(url), std::move(request), limit);
  if (!reply) co_return network_error(reply.error());
  if (reply->status < 200 || reply->status >= 300) co_return reply_error(*reply);
  Answer answer;
  answer.status = reply->status;
  answer.body = std::move(reply->body);
  co_return answer;
}

awaitable<ApiResult<RestPlatform::Answer>> RestPlatform::send(Call call,
                                                              Clock::time_point deadline) {
  for (unsigned tries = 1;; ++tries) {
    auto const left = deadline - Clock::now();
    auto answer = co_await attempt(call, left);
    if (answer || !is_repeatable(call.method, call.idempotency_key)) co_return answer;
    auto const wait = delays_.after(tries, answer.error());
    if (!wait || Clock::now() + *wait >= deadline) co_return answer;
    log_.debug("{} {}: {}; again in {} ms", call.method, call.path, answer.error().text(),
               wait->count());
    co_await net::sleep_for(*wait);
  }
}

awaitable<ApiResult<RestPlatform::Answer>> RestPlatform::ask(std::string method, std::string path,
                                                             std::string body) {
  Call call;
  call.method = std::move(method);
  call.path = std::move(path);
  call.body = std::move(body);
  auto const deadline = Clock::now() + options_.timeout;
  co_return co_await send(std::move(call), deadline);
}

awaitable<ApiResult<Whoami>> RestPlatform::whoami() {
  auto const answer = co_await ask("GET", "/auth/whoami");
  co_return read_with(answer, read_whoami);
}

awaitable<ApiResult<Page<Space>>> RestPlatform::list_spaces(SpaceQuery query) {
  auto path = QueryText("/spaces").page(query.cursor, query.limit).take();
  auto const answer = co_await ask("GET", std::move(path));
  co_return read_with(answer, read_spaces);
}

awaitable<ApiResult<Space>> RestPlatform::create_space(std::string name) {
  auto body = write_space_create(name);
  auto const answer = co_await ask("POST", "/spaces", std::move(body));
  co_return read_with(answer, read_space);
}

awaitable<ApiResult<Space>> RestPlatform::get_space(SpaceId id) {
  auto path = fmt::format("/spaces/{}", net::percent_encode(id.value));
  auto const answer = co_await ask("GET", std::move(path));
  co_return read_with(answer, read_space);
}

awaitable<ApiResult<Page<Runtime>>> RestPlatform::list_runtimes(RuntimeQuery query) {
  auto path = QueryText("/runtimes")
                  .add("spaceId", query.space.value)
                  .add("status", query.status)
                  .page(query.cursor, query.limit)
                  .take();
  auto const answer = co_await ask("GET", std::move(path));
  co_return read_with(answer, read_runtimes);
}

awaitable<ApiResult<Runtime>> RestPlatform::create_runtime(RuntimeCreate request) {
  auto body = write_runtime_create(request);
  if (!body) co_return body.error();
  auto const answer = co_await ask("POST", "/runtimes", std::move(*body));
  co_return read_with(answer, read_runtime);
}

awaitable<ApiResult<Runtime>> RestPlatform::get_runtime(RuntimeId id, Connection connection) {
  if (connection == Connection::wanted) {
    auto const deadline = Clock::now() + options_.timeout;
    co_return co_await read_with_url(std::move(id), deadline);
  }
  auto path = runtime_path(id);
  auto const answer = co_await ask("GET", std::move(path));
  co_return read_with(answer, read_runtime);
}

awaitable<ApiResult<Runtime>> RestPlatform::update_runtime(RuntimeId id, RuntimeUpdate request) {
  auto body = write_runtime_update(request);
  if (!body) co_return body.error();
  auto path = runtime_path(id);
  auto const answer = co_await ask("PATCH", std::move(path), std::move(*body));
  co_return read_with(answer, read_runtime);
}

awaitable<ApiResult<RuntimeStart>> RestPlatform::start_runtime(RuntimeId id,
                                                               std::string idempotency_key) {
  Call call;
  call.method = "POST";
  call.path = runtime_path(id, "/start");
  call.idempotency_key = std::move(idempotency_key);
  auto const deadline = Clock::now() + options_.start_timeout;
  auto const answer = co_await send(std::move(call), deadline);
  auto start = read_with(answer, read_runtime_start);
  if (!start && answer && answer->status == 202) start = RuntimeStart();
  if (!start) co_return start.error();
  start->runtime = std::move(id);
  if (start->connect_url.empty()) co_return co_await await_url(std::move(*start), deadline);
  co_return checked(std::move(*start));
}

awaitable<ApiResult<Runtime>> RestPlatform::read_with_url(RuntimeId id,
                                                          Clock::time_point deadline) {
  Call call;
  call.method = "GET";
  call.path = runtime_path(id);
  auto const plain = co_await send(call, deadline);
  auto runtime = read_with(plain, read_runtime);
  if (!runtime || !runtime->connect_url.empty() || runtime->life() == Life::ended)
    co_return runtime;
  // A server that does not know the query may refuse it; the first answer still holds.
  call.path = runtime_path(id, "?include=connection");
  auto const second = co_await send(std::move(call), deadline);
  auto detailed = read_with(second, read_runtime);
  if (detailed) co_return detailed;
  co_return runtime;
}

awaitable<ApiResult<RuntimeStart>> RestPlatform::await_url(RuntimeStart begun,
                                                           Clock::time_point deadline) {
  Backoff backoff(kPollFirst, kPollMost, options_.retry_seed);
  for (;;) {
    auto const found = co_await read_with_url(begun.runtime, deadline);
    if (!found) co_return found.error();
    begun.status = found->status;
    if (!found->active_run.empty()) begun.run = found->active_run;
    if (!found->connect_url.empty()) {
      begun.connect_url = found->connect_url;
      begun.protocol = found->protocol;
      co_return checked(std::move(begun));
    }
    if (found->life() == Life::ended)
      co_return not_ready(begun.runtime, fmt::format("is {} after its start", found->status));
    auto const wait = backoff.next();
    if (Clock::now() + wait >= deadline)
      co_return not_ready(begun.runtime, "has no connectUrl within the start limit");
    co_await net::sleep_for(wait);
  }
}

awaitable<ApiResult<RuntimeStop>> RestPlatform::stop_runtime(RuntimeId id) {
  auto path = runtime_path(id, "/stop");
  auto const answer = co_await ask("POST", std::move(path));
  auto stop = read_with(answer, read_runtime_stop);
  if (!stop && is_already_stopped(stop.error())) {
    stop = RuntimeStop();
    stop->status = "stopped";
  }
  if (stop) stop->runtime = std::move(id);
  co_return stop;
}

awaitable<ApiResult<void>> RestPlatform::delete_runtime(RuntimeId id) {
  auto path = runtime_path(id);
  auto const answer = co_await ask("DELETE", std::move(path));
  if (!answer) co_return answer.error();
  co_return ApiResult<void>();
}

awaitable<ApiResult<Page<Run>>> RestPlatform::list_runs(RunQuery query) {
  auto path = QueryText("/runs")
                  .add("status", query.status)
                  .add("spaceId", query.space.value)
                  .add("runtimeId", query.runtime.value)
                  .page(query.cursor, query.limit)
                  .take();
  auto const answer = co_await ask("GET", std::move(path));
  co_return read_with(answer, read_runs);
}

awaitable<ApiResult<Run>> RestPlatform::get_run(RunId id) {
  auto path = fmt::format("/runs/{}", net::percent_encode(id.value));
  auto const answer = co_await ask("GET", std::move(path));
  co_return read_with(answer, read_run);
}

awaitable<ApiResult<Page<RunEvent>>> RestPlatform::list_events(EventQuery query) {
  auto path = QueryText(fmt::format("/runs/{}/events", net::percent_encode(query.run.value)))
                  .add("type", query.type)
                  .add("status", query.status)
                  .page(query.cursor, query.limit)
                  .take();
  auto const answer = co_await ask("GET", std::move(path));
  co_return read_with(answer, read_events);
}

}  // namespace bridge::api
