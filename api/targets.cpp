#include "api/targets.hpp"

#include <nlohmann/json.hpp>

#include "api/json_tools.hpp"
#include "api/paths.hpp"

namespace bridge::api {
namespace {

Target to_target(Json const& from) {
  Target target;
  target.id = text(from, "id");
  target.runtime = RuntimeId{text(from, "runtimeId")};
  target.type = text(from, "type");
  target.label = text(from, "label");
  target.uri = text(from, "uri");
  target.active = flag(from, "active");
  return target;
}

ApiResult<Target> read_target(std::string_view body) {
  return read_one(parse(body), "a target", to_target, has_id);
}

ApiResult<Page<Target>> read_targets(std::string_view body) {
  return read_page(parse(body), "a list of targets", to_target, has_id);
}

std::string target_path(RuntimeId const& runtime, std::string const& target,
                        std::string_view rest = {}) {
  return runtime_path(runtime, fmt::format("/targets/{}{}", net::percent_encode(target), rest));
}

}  // namespace

awaitable<ApiResult<Page<Target>>> Targets::list(RuntimeId runtime, std::string cursor) {
  auto path = QueryText(runtime_path(runtime, "/targets")).page(cursor, 0).take();
  auto const answer = co_await rest_.ask("GET", std::move(path));
  co_return read_with(answer, read_targets);
}

awaitable<ApiResult<Target>> Targets::create(RuntimeId runtime, std::string uri, bool activate) {
  Json request{{"activate", activate}};
  if (!uri.empty()) request["uri"] = uri;
  auto path = runtime_path(runtime, "/targets");
  auto body = dump(request);
  auto const answer = co_await rest_.ask("POST", std::move(path), std::move(body));
  co_return read_with(answer, read_target);
}

awaitable<ApiResult<Target>> Targets::get(RuntimeId runtime, std::string target) {
  auto path = target_path(runtime, target);
  auto const answer = co_await rest_.ask("GET", std::move(path));
  co_return read_with(answer, read_target);
}

awaitable<ApiResult<Target>> Targets::activate(RuntimeId runtime, std::string target) {
  auto path = target_path(runtime, target, "/activate");
  auto const answer = co_await rest_.ask("POST", std::move(path));
  co_return read_with(answer, read_target);
}

awaitable<ApiResult<void>> Targets::close(RuntimeId runtime, std::string target) {
  auto path = target_path(runtime, target);
  auto const answer = co_await rest_.ask("DELETE", std::move(path));
  if (!answer) co_return answer.error();
  co_return ApiResult<void>();
}

}  // namespace bridge::api
