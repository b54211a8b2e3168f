#include <array>
#include <nlohmann/json.hpp>

#include "local/extensions.hpp"
#include "local/file_path.hpp"
#include "local/operations.hpp"
#include "local/upload.hpp"
#include "local/views.hpp"

namespace bridge::local {
namespace {

constexpr std::size_t kNameCharacters = 255;
constexpr std::uint64_t kFormMax = 1024 * 1024;  // what an upload has besides its package

awaitable<Outcome<net::HttpReply>> list(Parts& parts, Call const& call) {
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  DocumentFilter filter;
  filter.scope = call.caller.subaccount;
  filter.text = call.query.one("q");
  filter.members.push_back({"source", call.query.all("source")});
  auto const view = [&](Document const& extension) { return parts.extensions.view(extension); };
  co_return list_reply(parts.extensions.rows().list(filter, *range), view);
}

awaitable<Outcome<net::HttpReply>> get(Parts& parts, Call const& call) {
  auto const extension = parts.extensions.find(call.caller, call.parameters.at("extensionId"));
  if (!extension) co_return extension.error();
  co_return json_reply(200, parts.extensions.view(*extension));
}

Outcome<std::optional<std::string>> read_name(std::optional<std::string> name) {
  if (name && name->size() > kNameCharacters)
    return Problem::invalid("name", "name must have at most 255 bytes.");
  return name;
}

std::optional<std::string> name_of(Json const& body) {
  auto const name = body.find("name");
  if (name == body.end() || name->get_ref<std::string const&>().empty()) return std::nullopt;
  return name->get<std::string>();
}

awaitable<Outcome<net::HttpReply>> install(Parts& parts, std::string package,
                                           Extensions::Origin origin) {
  auto const made = co_await parts.extensions.install(std::move(package), std::move(origin));
  if (!made) co_return made.error();
  co_return json_reply(201, parts.extensions.view(*made));
}

awaitable<Outcome<net::HttpReply>> upload(Parts& parts, Call const& call) {
  auto const read = co_await read_upload(parts.files, call);
  if (!read) co_return read.error();
  auto name = read_name(read->field("name"));
  if (!name) co_return name.error();
  if (read->bytes.size() > Extensions::kPackageMax)
    co_return Problem(413, "request.too_large", "The package is larger than extensions may be.");
  auto work = [&] {
    return read_at(read->bytes.descriptor(), 0, static_cast<std::size_t>(read->bytes.size()));
  };
  auto package = co_await parts.files.disk().run(work);
  if (!package) co_return parts.files.unavailable(package.error());
  Extensions::Origin origin;
  origin.subaccount = call.caller.subaccount;
  origin.name = std::move(*name);
  co_return co_await install(parts, std::move(*package), std::move(origin));
}

// A page of the Web Store is no package, and what stands behind it is for Google's own browser.
bool is_web_store(std::string_view url) {
  for (auto const store :
       {"https://chromewebstore.google.com/", "https://chrome.google.com/webstore/"})
    if (url.starts_with(store)) return true;
  return false;
}

awaitable<Outcome<net::HttpReply>> import(Parts& parts, Call const& call) {
  auto name = read_name(name_of(call.body));
  if (!name) co_return name.error();
  auto url = call.body.at("url").get<std::string>();
  if (is_web_store(url))
    co_return Problem(403, "local.unsupported",
                      "The local backend does not import from the Chrome Web Store.",
                      "Give the address of a .crx file, or upload one.");
  auto package = co_await parts.extensions.load(url);
  if (!package) co_return package.error();
  Extensions::Origin origin;
  origin.subaccount = call.caller.subaccount;
  origin.name = std::move(*name);
  origin.url = std::move(url);
  co_return co_await install(parts, std::move(*package), std::move(origin));
}

awaitable<Outcome<net::HttpReply>> update(Parts& parts, Call const& call) {
  auto extension = parts.extensions.find(call.caller, call.parameters.at("extensionId"));
  if (!extension) co_return extension.error();
  auto const name = read_name(name_of(call.body));
  if (!name) co_return name.error();
  if (*name) {
    auto body = Json::parse(extension->body);
    body["name"] = **name;
    extension->body = to_text(body);
    extension->updated_at = now();
    if (!parts.extensions.rows().update(*extension))
      co_return Problem::not_found("browser_extension", extension->id);
  }
  co_return json_reply(200, parts.extensions.view(*extension));
}

awaitable<Outcome<net::HttpReply>> remove(Parts& parts, Call const& call) {
  auto const extension = parts.extensions.find(call.caller, call.parameters.at("extensionId"));
  if (!extension) co_return extension.error();
  if (auto const users = parts.extensions.count_users(extension->id); users > 0) {
    Problem problem(409, "browser_extension.in_use", "Runtimes have the extension in their config.",
                    "Take it out of their config first.");
    problem.details = to_text(Json{{"profileCount", users}});
    co_return std::move(problem);
  }
  parts.extensions.remove(extension->id);
  co_return json_reply(200, Json{{"id", extension->id}, {"deleted", true}});
}

constexpr std::string_view kAll = "/v1/browser-extensions";
constexpr std::string_view kOne = "/v1/browser-extensions/{extensionId}";

constexpr std::array kRows{
    Operation{{"browser-extensions.list", "GET", kAll}, list},
    Operation{{"browser-extensions.upload", "POST", "/v1/browser-extensions/upload"},
              upload,
              false,
              Extensions::kPackageMax + kFormMax},
    Operation{{"browser-extensions.import", "POST", "/v1/browser-extensions/import"}, import},
    Operation{{"browser-extensions.get", "GET", kOne}, get},
    Operation{{"browser-extensions.update", "PATCH", kOne}, update},
    Operation{{"browser-extensions.delete", "DELETE", kOne}, remove},
};

}  // namespace

std::span<Operation const> extension_operations() {
  return kRows;
}

}  // namespace bridge::local
