#include "api/files.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/json_tools.hpp"
#include "api/paths.hpp"

namespace bridge::api {
namespace {

// What a double holds exactly; a server that claims more gets no more.
constexpr double kSizeMax = 9'007'199'254'740'992.0;

StoredFile to_file(Json const& from) {
  StoredFile file;
  file.id = text(from, "id");
  file.space = SpaceId{text(from, "spaceId")};
  file.name = text(from, "name");
  file.path = text(from, "path");
  file.content_type = text(from, "contentType");
  auto const size = number(from, "sizeBytes").value_or(0);
  file.size = static_cast<std::uint64_t>(std::clamp(size, 0.0, kSizeMax));
  file.source = text(from, "source");
  file.created_at = text(from, "createdAt");
  file.run = RunId{text(from, "runId")};
  file.runtime = RuntimeId{text(from, "runtimeId")};
  return file;
}

ApiResult<StoredFile> read_file(std::string_view body) {
  return read_one(parse(body), "a file", to_file, has_id);
}

ApiResult<Page<StoredFile>> read_files(std::string_view body) {
  return read_page(parse(body), "a list of files", to_file, has_id);
}

ApiResult<std::string> read_staged(std::string_view body) {
  auto const path_of = [](Json const& from) { return text(from, "runtimePath"); };
  auto const is_usable = [](std::string const& path) { return !path.empty(); };
  return read_one(parse(body), "a staged file", path_of, is_usable);
}

std::string file_path(std::string const& id) {
  return "/files/" + net::percent_encode(id);
}

}  // namespace

awaitable<ApiResult<Page<StoredFile>>> Files::list(FileQuery query) {
  auto path = QueryText("/files")
                  .add("spaceId", query.space.value)
                  .add("prefix", query.prefix)
                  .add("q", query.text)
                  .add("runId", query.run.value)
                  .add("runtimeId", query.runtime.value)
                  .page(query.cursor, query.limit)
                  .take();
  auto const answer = co_await rest_.ask("GET", std::move(path));
  co_return read_with(answer, read_files);
}

awaitable<ApiResult<StoredFile>> Files::get(std::string id) {
  auto path = file_path(id);
  auto const answer = co_await rest_.ask("GET", std::move(path));
  co_return read_with(answer, read_file);
}

awaitable<ApiResult<void>> Files::remove(std::string id) {
  auto path = file_path(id);
  auto const answer = co_await rest_.ask("DELETE", std::move(path));
  if (!answer) co_return answer.error();
  co_return ApiResult<void>();
}

awaitable<ApiResult<StoredFile>> Files::collect(RuntimeId runtime, std::string runtime_path) {
  auto path = api::runtime_path(runtime, "/files/collect");
  auto body = dump(Json{{"runtimePath", runtime_path}});
  auto const answer = co_await rest_.ask("POST", std::move(path), std::move(body));
  co_return read_with(answer, read_file);
}

awaitable<ApiResult<std::string>> Files::stage(RuntimeId runtime, std::string file) {
  auto path = runtime_path(runtime, "/files/stage");
  auto body = dump(Json{{"fileId", file}});
  auto const answer = co_await rest_.ask("POST", std::move(path), std::move(body));
  co_return read_with(answer, read_staged);
}

}  // namespace bridge::api
