#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "local/file_path.hpp"
#include "local/files.hpp"
#include "local/operations.hpp"
#include "local/zip_writer.hpp"

namespace bridge::local {
namespace {

constexpr std::string_view kExport = "export";

/// What goes into an archive, held until it is there.
struct Packed {
  StoredFile file;
  std::string name;
  Blob pinned;
};

// Twice through each: the checksum stands in front of the bytes.
Result<void> pack(Blobs const& blobs, std::vector<Packed> const& files, BlobWriter& into) {
  ZipWriter zip([&into](std::string_view bytes) { return into.write(bytes); });
  for (auto const& [file, name, pinned] : files) {
    std::uint32_t crc = 0;
    auto const sum = [&crc](std::string_view piece) {
      crc = crc32_of(crc, piece);
      return Result<void>{};
    };
    auto const summed = blobs.read_through(file.hash, sum);
    if (!summed) return summed;
    auto const begun = zip.begin(name, pinned.size(), crc, file.created_at);
    if (!begun) return begun;
    auto const copy = [&zip](std::string_view piece) { return zip.write(piece); };
    auto const copied = blobs.read_through(file.hash, copy);
    if (!copied) return copied;
  }
  return zip.finish();
}

// Exports are left out of exports, unless they are asked for.
std::vector<Packed> files_of(Files& files, FileFilter const& filter) {
  std::vector<Packed> found;
  std::set<std::string> names;
  Range range;
  do {
    auto const slice = files.rows().list(filter, range);
    range.after = slice.next();
    for (auto const& file : slice.rows) {
      if (filter.types.empty() && file.type == kExport) continue;
      auto name = file.path;
      for (int number = 2; !names.insert(name).second; ++number)
        name = numbered_path(file.path, number);
      found.push_back({file, std::move(name),
                       Blob(files.blobs(), file.hash, static_cast<std::uint64_t>(file.size))});
    }
  } while (range.after);
  return found;
}

Json summary_of(std::vector<Packed> const& packed) {
  std::int64_t bytes = 0;
  for (auto const& one : packed) bytes += one.file.size;
  return Json{{"fileCount", packed.size()}, {"totalBytes", bytes}};
}

Outcome<StoredFile> read_export(Run const& run, Json const& body) {
  StoredFile file;
  file.space = run.space;
  file.runtime = run.runtime.value;
  file.run = run.id.value;
  file.source = "runtime";
  file.type = kExport;
  file.content_type = "application/zip";
  file.name = "run-" + run.id.value + ".zip";
  if (auto const name = body.find("name"); name != body.end()) {
    auto const& text = name->get_ref<std::string const&>();
    if (auto problem = check_name(text, "name", "request.invalid")) return std::move(*problem);
    file.name = file.path = text;
  }
  return file;
}

awaitable<Outcome<net::HttpReply>> pack_run(Parts& parts, Call const& call) {
  auto const& id = call.parameters.at("runId");
  auto const run = parts.store.run(RunId{id});
  if (!run) co_return Problem::not_found("run", id);
  auto file = read_export(*run, call.body);
  if (!file) co_return file.error();
  FileFilter filter;
  filter.run = id;
  if (auto const types = call.body.find("type"); types != call.body.end())
    filter.types = types->get<std::vector<std::string>>();
  auto const packed = files_of(parts.files, filter);
  file->metadata = to_text(summary_of(packed));
  // An archive may be large: a name that is taken is better known before.
  if (!file->path.empty() && parts.files.rows().has_path(file->space, file->path))
    co_return Files::path_exists(file->path);
  auto writer = parts.files.blobs().begin();
  if (!writer) co_return parts.files.unavailable(writer.error());
  auto work = [&] { return pack(parts.files.blobs(), packed, *writer); };
  auto const written = co_await parts.files.disk().run(work);
  if (!written) co_return parts.files.unavailable(written.error());
  auto const blob = co_await parts.files.blobs().keep(std::move(*writer));
  if (!blob) co_return parts.files.unavailable(blob.error());
  if (!parts.store.run(RunId{id})) co_return Problem::not_found("run", id);
  auto const added = parts.files.add(std::move(*file), *blob);
  if (!added) co_return added.error();
  co_return json_reply(201, parts.files.view(*added));
}

constexpr std::array kRows{
    Operation{{"runs.files.export", "POST", "/v1/runs/{runId}/files/export"}, pack_run},
};

}  // namespace

std::span<Operation const> file_export_operations() {
  return kRows;
}

}  // namespace bridge::local
