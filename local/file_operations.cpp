#include <array>
#include <nlohmann/json.hpp>

#include "local/file_content.hpp"
#include "local/file_path.hpp"
#include "local/files.hpp"
#include "local/operations.hpp"
#include "local/upload.hpp"
#include "local/views.hpp"

namespace bridge::local {
namespace {

Outcome<StoredFile> find_file(Parts& parts, Call const& call) {
  auto const& id = call.parameters.at("fileId");
  auto file = callers_file(parts, call, id);
  if (!file) return Problem::not_found("file", id);
  return std::move(*file);
}

Outcome<FileFilter> read_filter(Parts& parts, Call const& call) {
  auto const& query = call.query;
  FileFilter filter;
  filter.subaccount = call.caller.subaccount;
  if (auto const named = query.one("spaceId")) {
    auto const space = find_space(parts, call, *named);
    if (!space) return space.error();
    filter.space = space->id.value;
  }
  filter.source = query.one("source");
  filter.path = query.one("path");
  filter.prefix = query.one("prefix");
  filter.text = query.one("q");
  filter.run = query.one("runId");
  filter.runtime = query.one("runtimeId");
  filter.types = query.all("type");
  if (auto const after = query.one("createdAfter")) {
    filter.created_after = moment_from(*after);
    if (!filter.created_after)
      return Problem::invalid("createdAfter", "createdAfter must be a time as RFC 3339 has it.");
  }
  return filter;
}

Json folder_view(StoredFolder const& folder, std::string const& prefix) {
  return Json{{"name", folder.name},
              {"path", prefix + folder.name},
              {"fileCount", folder.files},
              {"totalBytes", folder.bytes},
              {"lastCreatedAt", rfc3339(folder.last_created_at)}};
}

// With folders, a prefix is a folder: what is directly in it, and the folders in it.
void read_folder_prefix(FileFilter& filter) {
  if (filter.prefix && !filter.prefix->ends_with('/')) *filter.prefix += '/';
}

awaitable<Outcome<net::HttpReply>> list(Parts& parts, Call const& call) {
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  auto filter = read_filter(parts, call);
  if (!filter) co_return filter.error();
  bool const with_folders = call.query.one("include").has_value();
  if (with_folders) read_folder_prefix(*filter);
  auto const prefix = filter->prefix.value_or("");
  auto folders = Json::array();
  if (with_folders)
    for (auto const& folder : parts.files.rows().folders(*filter))
      folders.push_back(folder_view(folder, prefix));
  filter->direct = with_folders;
  auto const slice = parts.files.rows().list(*filter, *range);
  std::vector<Json> rows;
  for (auto const& file : slice.rows) rows.push_back(parts.files.view(file));
  auto view = list_view(std::move(rows), slice.next());
  if (with_folders) view["folders"] = std::move(folders);
  co_return json_reply(200, view);
}

// The name that is asked for, or what the file is called elsewhere.
Outcome<StoredFile> read_new_file(Upload const& upload) {
  StoredFile file;
  file.source = "upload";
  file.content_type = upload.content_type;
  if (auto const path = upload.field("path")) {
    if (auto problem = check_path(*path, "path", kStoragePath)) return std::move(*problem);
    file.path = *path;
    file.name = last_segment(*path);
  } else {
    file.name = tame_name(upload.filename);
  }
  if (auto const name = upload.field("name")) {
    if (auto problem = check_name(*name, "name", kStoragePath)) return std::move(*problem);
    file.name = *name;
  }
  auto metadata = read_metadata(upload);
  if (!metadata) return metadata.error();
  file.metadata = std::move(*metadata);
  return file;
}

awaitable<Outcome<net::HttpReply>> upload(Parts& parts, Call const& call) {
  auto const space = find_space(parts, call, call.query.one("spaceId").value_or("default"));
  if (!space) co_return space.error();
  auto read = co_await read_upload(parts.files, call);
  if (!read) co_return read.error();
  auto file = read_new_file(*read);
  if (!file) co_return file.error();
  file->space = space->id;
  auto const blob = co_await parts.files.blobs().keep(std::move(read->bytes));
  if (!blob) co_return parts.files.unavailable(blob.error());
  auto const added = parts.files.add(std::move(*file), *blob);
  if (!added) co_return added.error();
  co_return json_reply(201, parts.files.view(*added));
}

awaitable<Outcome<net::HttpReply>> get(Parts& parts, Call const& call) {
  auto const file = find_file(parts, call);
  if (!file) co_return file.error();
  co_return json_reply(200, parts.files.view(*file));
}

awaitable<Outcome<net::HttpReply>> update(Parts& parts, Call const& call) {
  auto file = find_file(parts, call);
  if (!file) co_return file.error();
  if (auto const name = call.body.find("name"); name != call.body.end()) {
    auto const& text = name->get_ref<std::string const&>();
    if (auto problem = check_name(text, "name", kStoragePath)) co_return std::move(*problem);
    file->name = text;
  }
  if (auto const metadata = call.body.find("metadata"); metadata != call.body.end()) {
    file->metadata.reset();
    if (!metadata->is_null()) file->metadata = to_text(*metadata);
  }
  parts.files.rows().update(*file);
  co_return json_reply(200, parts.files.view(*file));
}

awaitable<Outcome<net::HttpReply>> remove(Parts& parts, Call const& call) {
  auto const file = find_file(parts, call);
  if (!file) co_return file.error();
  parts.files.remove(*file);
  co_return json_reply(200, Json{{"id", file->id}, {"deleted", true}});
}

awaitable<Outcome<net::HttpReply>> content(Parts& parts, Call const& call) {
  auto file = find_file(parts, call);
  if (!file) co_return file.error();
  co_return co_await send_content(parts.files, call, std::move(*file));
}

constexpr std::string_view kAll = "/v1/files";
constexpr std::string_view kOne = "/v1/files/{fileId}";
constexpr std::string_view kContent = "/v1/files/{fileId}/content";

constexpr std::array kRows{
    Operation{{"files.list", "GET", kAll}, list},
    Operation{{"files.upload", "POST", kAll}, upload},
    Operation{{"files.get", "GET", kOne}, get},
    Operation{{"files.update", "PATCH", kOne}, update},
    Operation{{"files.delete", "DELETE", kOne}, remove},
    Operation{{"files.content", "GET", kContent}, content},
};

}  // namespace

std::optional<StoredFile> callers_file(Parts& parts, Call const& call, std::string const& id) {
  auto file = parts.files.rows().find(id);
  if (!file) return std::nullopt;
  auto const space = parts.store.space(file->space);
  if (!space || !call.caller.may_see(space->subaccount)) return std::nullopt;
  return file;
}

std::span<Operation const> file_operations() {
  return kRows;
}

}  // namespace bridge::local
