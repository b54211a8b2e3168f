#include "local/files.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/uuid.hpp"
#include "local/content_type.hpp"
#include "local/file_path.hpp"

namespace bridge::local {
namespace {

constexpr std::uint64_t kCollectMax = 16ULL << 30;

// Asked when a blob is let go of, which must not fail: what is left, the next start sweeps away.
bool uses(FileStore& rows, std::string const& hash) {
  try {
    return rows.uses(hash);
  } catch (StoreFailure const&) {
    return true;
  }
}

}  // namespace

std::optional<std::string> current_run(Store& store, Runtime const& runtime) {
  if (runtime.active_run) return runtime.active_run;
  RunFilter filter;
  filter.runtime = runtime.id.value;
  Range last;
  last.limit = 1;
  auto const runs = store.runs(filter, last);
  if (runs.rows.empty()) return std::nullopt;
  return runs.rows.front().id.value;
}

Files::Files(Store& store, std::filesystem::path const& home)
    : store_(store), rows_(store.database()), workspaces_(home / "workspaces") {}

Result<std::unique_ptr<Files>> Files::open(Store& store, std::filesystem::path const& home) {
  std::unique_ptr<Files> files(new Files(store, home));
  auto blobs = Blobs::open(home / "blobs", files->disk_);
  if (!blobs) return blobs.error();
  files->blobs_ = std::move(*blobs);
  files->blobs_->remove_others(files->rows_.hashes(std::nullopt));
  files->blobs_->set_used(
      [&rows = files->rows_](std::string const& hash) { return uses(rows, hash); });
  files->workspaces_.remove_others(
      [&store](RuntimeId const& id) { return store.runtime(id).has_value(); });
  return files;
}

Problem Files::path_exists(std::string_view path) {
  Problem problem(409, "storage_file.path_exists",
                  fmt::format("There is a file \"{}\" already.", path),
                  "Delete it first, or use another path.");
  problem.details = to_text(Json{{"path", path}});
  return problem;
}

Outcome<StoredFile> Files::add(StoredFile file, Blob const& blob) {
  file.id = new_uuid();
  file.created_at = now();
  file.hash = blob.hash();
  file.size = static_cast<std::int64_t>(blob.size());
  if (!store_.space(file.space)) return Problem::not_found("space", file.space.value);
  if (file.content_type.empty()) file.content_type = content_type_of(file.name);
  bool const named = !file.path.empty();
  auto const wanted = named ? file.path : file.name;
  file.path = wanted;
  for (int number = 2; !rows_.add(file); ++number) {
    if (named) return path_exists(wanted);
    file.path = numbered_path(wanted, number);
  }
  return file;
}

// The row first: a crash in between leaves bytes that the next start sweeps away.
void Files::remove(StoredFile const& file) {
  rows_.remove(file.id);
  if (!rows_.uses(file.hash)) blobs_->remove(file.hash);
}

// All rows go in one step. The bytes of a space may be those of a file elsewhere.
void Files::remove_space(SpaceId const& space) {
  auto const had = rows_.hashes(space.value);
  store_.remove(space);
  for (auto const& hash : had)
    if (!rows_.uses(hash)) blobs_->remove(hash);
}

awaitable<Outcome<StoredFile>> Files::collect(Runtime runtime, std::string runtime_path,
                                              StoredFile file) {
  auto source = workspaces_.read(runtime.id, runtime_path);
  if (!source) co_return source.error();
  file.space = runtime.space;
  file.source = "runtime";
  file.runtime = runtime.id.value;
  if (!file.run) file.run = current_run(store_, runtime);
  if (file.name.empty()) file.name = last_segment(file.path.empty() ? runtime_path : file.path);
  auto const blob = co_await blobs_->take(std::move(*source), kCollectMax);
  if (!blob) co_return unavailable(blob.error());
  co_return add(std::move(file), *blob);
}

awaitable<Outcome<StoredFile>> Files::keep_download(RunId run, std::filesystem::path at,
                                                    std::string name) {
  auto const of = store_.run(run);
  if (!of) co_return Problem::not_found("run", run.value);
  auto runtime = store_.runtime(of->runtime);
  if (!runtime) co_return Problem::not_found("runtime", of->runtime.value);
  StoredFile file;
  file.name = tame_name(name);
  file.type = "download";
  file.run = run.value;
  auto path = workspaces_.add_download(runtime->id, at, file.name);
  if (!path) co_return path.error();
  co_return co_await collect(std::move(*runtime), std::move(*path), std::move(file));
}

awaitable<std::optional<std::string>> Files::take_download(RunId run, std::filesystem::path at,
                                                           std::string name) {
  try {
    auto const file = co_await keep_download(std::move(run), std::move(at), std::move(name));
    if (file) co_return file->id;
    log_.warn("a download could not be kept: {}", file.error().message);
  } catch (StoreFailure const& failure) {
    log_.error("a download could not be written down: {}", failure.what());
  }
  co_return std::nullopt;
}

Json Files::view(StoredFile const& file) const {
  Json view{{"id", file.id},
            {"spaceId", file.space.value},
            {"name", file.name},
            {"path", file.path},
            {"contentType", file.content_type},
            {"sizeBytes", file.size},
            {"source", file.source},
            {"createdAt", rfc3339(file.created_at)},
            {"downloadUrl", fmt::format("{}/v1/files/{}/content", origin_, file.id)}};
  if (file.type) view["type"] = *file.type;
  if (file.run) view["runId"] = *file.run;
  if (file.runtime) view["runtimeId"] = *file.runtime;
  if (file.metadata) view["metadata"] = Json::parse(*file.metadata);
  return view;
}

Problem Files::unavailable(Error const& error) const {
  if (error.is(Errc::too_large))
    return Problem(413, "request.too_large", "The file is larger than files may be here.");
  if (error.is(Errc::cancelled))
    return Problem(503, "storage.unavailable", "The local backend is stopping.");
  log_.error("{}", error.text());
  return Problem(503, "storage.unavailable", "The local backend cannot keep the file.",
                 "See the backend's log; is the disk full?");
}

}  // namespace bridge::local
