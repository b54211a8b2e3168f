#include <array>
#include <nlohmann/json.hpp>

#include "base/uuid.hpp"
#include "local/file_path.hpp"
#include "local/files.hpp"
#include "local/operations.hpp"
#include "local/upload.hpp"
#include "local/views.hpp"

namespace bridge::local {
namespace {

Outcome<Runtime> find_runtime(Parts& parts, Call const& call) {
  auto const& id = call.parameters.at("runtimeId");
  parts.runtimes.touch(RuntimeId{id});
  auto runtime = parts.store.runtime(RuntimeId{id});
  if (!runtime) return Problem::not_found("runtime", id);
  return std::move(*runtime);
}

net::HttpReply list_files(Parts& parts, FileFilter const& filter, Range range) {
  auto const view = [&](StoredFile const& file) { return parts.files.view(file); };
  return list_reply(parts.files.rows().list(filter, range), view);
}

// What was collected from it, not what merely lies there.
awaitable<Outcome<net::HttpReply>> list(Parts& parts, Call const& call) {
  auto const runtime = find_runtime(parts, call);
  if (!runtime) co_return runtime.error();
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  FileFilter filter;
  filter.runtime = runtime->id.value;
  filter.source = "runtime";
  filter.types = call.query.all("type");
  co_return list_files(parts, filter, *range);
}

awaitable<Outcome<net::HttpReply>> list_of_run(Parts& parts, Call const& call) {
  auto const& id = call.parameters.at("runId");
  if (!parts.store.run(RunId{id})) co_return Problem::not_found("run", id);
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  FileFilter filter;
  filter.run = id;
  filter.types = call.query.all("type");
  co_return list_files(parts, filter, *range);
}

/// Where a file is to appear.
struct Place {
  std::string name;
  std::string path;
};

Outcome<Place> read_place(std::optional<std::string> const& name,
                          std::optional<std::string> const& path, std::string_view else_named) {
  if (name)
    if (auto problem = check_name(*name, "name", kRuntimePath)) return std::move(*problem);
  if (path)
    if (auto problem = check_path(*path, "runtimePath", kRuntimePath)) return std::move(*problem);
  Place place;
  place.name = name ? *name : path ? std::string(last_segment(*path)) : tame_name(else_named);
  place.path = path ? *path : "uploads/" + place.name;
  return place;
}

Json staged_view(Runtime const& runtime, Place const& place, std::int64_t size) {
  return Json{{"id", new_uuid()},          {"runtimeId", runtime.id.value},
              {"runtimePath", place.path}, {"name", place.name},
              {"sizeBytes", size},         {"expiresAt", nullptr}};
}

// A copy of the file where the place is, which nobody sees before it is published.
awaitable<Outcome<WorkspaceFile>> copy_to(Parts& parts, RuntimeId runtime, std::string path,
                                          std::string hash) {
  auto target = parts.files.workspaces().create(runtime, path);
  if (!target) co_return target.error();
  auto const copied = co_await parts.files.blobs().copy(std::move(hash), target->file());
  if (!copied) co_return parts.files.unavailable(copied.error());
  if (!parts.store.runtime(runtime)) co_return Problem::not_found("runtime", runtime.value);
  co_return std::move(*target);
}

std::optional<std::string> text_of(Json const& body, char const* name) {
  auto const field = body.find(name);
  if (field == body.end() || field->get_ref<std::string const&>().empty()) return std::nullopt;
  return field->get<std::string>();
}

awaitable<Outcome<net::HttpReply>> stage(Parts& parts, Call const& call) {
  auto runtime = find_runtime(parts, call);
  if (!runtime) co_return runtime.error();
  auto const id = call.body.at("fileId").get<std::string>();
  auto const file = callers_file(parts, call, id);
  if (!file) co_return Problem::not_found("file", id);
  auto place =
      read_place(text_of(call.body, "name"), text_of(call.body, "runtimePath"), file->name);
  if (!place) co_return place.error();
  Blob const pinned(parts.files.blobs(), file->hash, static_cast<std::uint64_t>(file->size));
  auto target = co_await copy_to(parts, runtime->id, place->path, file->hash);
  if (!target) co_return target.error();
  auto const published = target->publish();
  if (!published) co_return parts.files.unavailable(published.error());
  co_return json_reply(200, staged_view(*runtime, *place, file->size));
}

Outcome<StoredFile> read_destination(std::optional<std::string> const& path,
                                     std::optional<std::string> const& name) {
  StoredFile file;
  if (path) {
    if (auto problem = check_path(*path, "destinationPath", kStoragePath))
      return std::move(*problem);
    file.path = *path;
  }
  if (name) {
    if (auto problem = check_name(*name, "name", kStoragePath)) return std::move(*problem);
    file.name = *name;
  }
  return file;
}

awaitable<Outcome<net::HttpReply>> upload(Parts& parts, Call const& call) {
  auto runtime = find_runtime(parts, call);
  if (!runtime) co_return runtime.error();
  auto read = co_await read_upload(parts.files, call);
  if (!read) co_return read.error();
  auto place = read_place(read->field("name"), read->field("runtimePath"), read->filename);
  if (!place) co_return place.error();
  auto file = read_destination(read->field("destinationPath"), place->name);
  if (!file) co_return file.error();
  auto metadata = read_metadata(*read);
  if (!metadata) co_return metadata.error();
  file->metadata = std::move(*metadata);
  file->content_type = read->content_type;
  file->source = "upload";
  file->space = runtime->space;
  file->runtime = runtime->id.value;
  file->run = current_run(parts.store, *runtime);
  auto const blob = co_await parts.files.blobs().keep(std::move(read->bytes));
  if (!blob) co_return parts.files.unavailable(blob.error());
  if (!parts.store.runtime(runtime->id)) co_return Problem::not_found("runtime", runtime->id.value);
  // Both or none: what can be refused is asked before anything is visible.
  if (!file->path.empty() && parts.files.rows().has_path(file->space, file->path))
    co_return Files::path_exists(file->path);
  auto target = co_await copy_to(parts, runtime->id, place->path, blob->hash());
  if (!target) co_return target.error();
  auto const added = parts.files.add(std::move(*file), *blob);
  if (!added) co_return added.error();
  auto const published = target->publish();
  if (!published) {
    parts.files.remove(*added);
    co_return parts.files.unavailable(published.error());
  }
  co_return json_reply(200, staged_view(*runtime, *place, added->size));
}

awaitable<Outcome<net::HttpReply>> collect(Parts& parts, Call const& call) {
  auto runtime = find_runtime(parts, call);
  if (!runtime) co_return runtime.error();
  auto file = read_destination(text_of(call.body, "destinationPath"), text_of(call.body, "name"));
  if (!file) co_return file.error();
  file->type = text_of(call.body, "type");
  if (auto const metadata = call.body.find("metadata"); metadata != call.body.end())
    file->metadata = to_text(*metadata);
  auto path = call.body.at("runtimePath").get<std::string>();
  auto const collected =
      co_await parts.files.collect(std::move(*runtime), std::move(path), std::move(*file));
  if (!collected) co_return collected.error();
  co_return json_reply(200, parts.files.view(*collected));
}

constexpr std::string_view kAll = "/v1/runtimes/{runtimeId}/files";

constexpr std::array kRows{
    Operation{{"runtimes.files.list", "GET", kAll}, list},
    Operation{{"runtimes.files.upload", "POST", "/v1/runtimes/{runtimeId}/files/upload"}, upload},
    Operation{{"runtimes.files.stage", "POST", "/v1/runtimes/{runtimeId}/files/stage"}, stage},
    Operation{{"runtimes.files.collect", "POST", "/v1/runtimes/{runtimeId}/files/collect"},
              collect},
    Operation{{"runs.files.list", "GET", "/v1/runs/{runId}/files"}, list_of_run},
};

}  // namespace

std::span<Operation const> runtime_file_operations() {
  return kRows;
}

}  // namespace bridge::local
