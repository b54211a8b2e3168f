#include "local/extensions.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/uuid.hpp"
#include "local/descriptor.hpp"
#include "local/extension_package.hpp"
#include "local/hash.hpp"

namespace bridge::local {
namespace {

constexpr auto kLoadLimit = 60s;
constexpr int kRedirectsMax = 5;

void remove_tree(std::filesystem::path const& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

Problem invalid_package(std::string_view field, std::string message) {
  Problem problem(400, "browser_extension.invalid_package", std::move(message));
  problem.details = to_text(Json{{"field", field}});
  return problem;
}

Result<void> sync(std::filesystem::path const& path) {
  Descriptor const file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file.is_open() || ::fsync(file.get()) != 0)
    return system_error("write an extension to the disk");
  return {};
}

// To the disk, all of it: what is acknowledged survives a crash. Not by syncfs(), which waits for
// whatever else is being written there.
Result<void> sync_tree(std::filesystem::path const& root) {
  std::vector<std::filesystem::path> all{root, root.parent_path()};
  std::error_code ec;
  for (std::filesystem::recursive_directory_iterator entry(root, ec), end; !ec && entry != end;
       entry.increment(ec))
    all.push_back(entry->path());
  if (ec) return system_error("write an extension to the disk", ec);
  for (auto const& path : all)
    if (auto const synced = sync(path); !synced) return synced;
  return {};
}

Result<ExtensionManifest> unpack_to(std::string_view package, std::filesystem::path const& path) {
  std::error_code ec;
  std::filesystem::create_directories(path, ec);
  if (ec) return system_error("create a directory for an extension", ec);
  auto manifest = unpack_extension(package, path);
  if (!manifest) return manifest;
  auto const kept = sync_tree(path);
  if (!kept) return kept.error();
  return manifest;
}

}  // namespace

Extensions::Extensions(Store& store, net::Disk& disk, Outside& outside,
                       std::filesystem::path directory)
    : store_(store),
      disk_(disk),
      outside_(outside),
      directory_(std::move(directory)),
      rows_(store.database(), "browser_extension") {
  std::error_code ignored;
  for (auto const& entry : std::filesystem::directory_iterator(directory_, ignored))
    if (!rows_.find(entry.path().filename().string())) remove_tree(entry.path());
}

awaitable<Outcome<Document>> Extensions::install(std::string package, Origin origin) {
  auto const field = origin.url ? "url" : "file";
  Document made;
  made.id = new_uuid();
  auto const path = directory_ / made.id;
  std::string hash;
  auto work = [&] {
    hash = sha256_hex(package);
    auto unpacked = unpack_to(package, path);
    if (!unpacked) remove_tree(path);
    return unpacked;
  };
  auto const manifest = co_await disk_.run(work);
  if (!manifest) {
    auto const& error = manifest.error();
    if (error.is(Errc::bad_message) || error.is(Errc::too_large))
      co_return invalid_package(field, fmt::format("This is no extension: {}.", error.doing));
    log_.error("{}", error.text());
    co_return Problem(503, "storage.unavailable", "The local backend cannot keep the extension.",
                      "See the backend's log; is the disk full?");
  }
  made.scope = origin.subaccount.value_or("");
  made.created_at = made.updated_at = now();
  Json body{{"name", origin.name.value_or(manifest->name)},
            {"version", manifest->version},
            {"source", origin.url ? "url" : "upload"},
            {"sizeBytes", package.size()},
            {"contentHash", "sha256:" + hash}};
  if (origin.url) body["sourceUrl"] = *origin.url;
  made.body = to_text(body);
  if (!rows_.add(made)) throw StoreFailure("an extension's id is taken");
  co_return made;
}

awaitable<Outcome<std::string>> Extensions::load(std::string address) {
  auto url = net::parse_url(address);
  for (int redirects = 0; redirects <= kRedirectsMax; ++redirects) {
    if (!url || url->is_ws() || !url->userinfo.empty())
      co_return Problem::invalid("url", "url must be an http or https address without a user.");
    auto const from = *url;
    net::HttpRequest request;
    request.method = "GET";
    auto const reply = co_await outside_.send(from, std::move(request), kLoadLimit, kPackageMax);
    if (!reply && reply.error().is(Errc::too_large))
      co_return invalid_package("url", "The package is larger than extensions may be here.");
    if (!reply)
      co_return Problem(503, "browser_extension.source_unavailable",
                        fmt::format("The package cannot be loaded: {}.", reply.error().text()),
                        "Load it by other means, and upload it.");
    if (reply->status == 200) co_return reply->body;
    auto const location = reply->header("location");
    if (reply->status < 300 || reply->status > 399 || location.empty())
      co_return invalid_package(
          "url", fmt::format("There is no package: the server answers {}.", reply->status));
    url = location.starts_with('/') && !location.starts_with("//")
              ? Result<net::Url>(from.with_target(std::string(location)))
              : net::parse_url(location);
  }
  co_return invalid_package("url", "There is no package: the server redirects without end.");
}

void Extensions::remove(std::string_view id) {
  rows_.remove(id);
  remove_tree(directory_ / id);
}

Outcome<Document> Extensions::find(Caller const& caller, std::string const& id) {
  auto found = rows_.find(id);
  if (!found || (caller.subaccount && found->scope != *caller.subaccount))
    return Problem::not_found("browser_extension", id);
  return std::move(*found);
}

std::optional<Problem> Extensions::check_config(Json const& config, Caller const& caller) {
  auto const ids = config.find("extensionIds");
  if (ids == config.end()) return std::nullopt;
  for (auto const& id : *ids)
    if (auto const found = find(caller, id.get<std::string>()); !found) return found.error();
  return std::nullopt;
}

std::int64_t Extensions::count_users(std::string_view id) {
  auto statement = store_.database().statement(
      "SELECT count(*) FROM runtimes WHERE EXISTS "
      "(SELECT 1 FROM json_each(config, '$.extensionIds') WHERE value = ?)");
  statement.bind(id);
  return statement.next() ? statement.number(0) : 0;
}

Json Extensions::view(Document const& extension) {
  auto view = Json::parse(extension.body);
  view.erase("source");
  view["id"] = extension.id;
  view["format"] = "crx";
  view["profileCount"] = count_users(extension.id);
  if (!extension.scope.empty()) view["subaccountId"] = extension.scope;
  view["createdAt"] = rfc3339(extension.created_at);
  view["updatedAt"] = rfc3339(extension.updated_at);
  return view;
}

std::vector<std::filesystem::path> Extensions::directories(std::vector<std::string> const& ids) {
  std::vector<std::filesystem::path> found;
  for (auto const& id : ids) {
    // Only what is ours: the id is part of a path.
    if (!rows_.find(id)) continue;
    auto path = directory_ / id;
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) found.push_back(std::move(path));
  }
  return found;
}

}  // namespace bridge::local
