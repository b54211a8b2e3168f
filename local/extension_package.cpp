#include "local/extension_package.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "local/crx.hpp"
#include "local/descriptor.hpp"
#include "local/json.hpp"
#include "local/unzip.hpp"
#include "net/base64.hpp"

namespace bridge::local {
namespace {

constexpr std::size_t kTextMax = 1024 * 1024;  // of a manifest, of a file of messages
constexpr std::size_t kNameMax = 255;
constexpr std::string_view kZip = "PK";
constexpr std::string_view kMessage = "__MSG_";

Error broken(std::string_view what) {
  return Error(Errc::bad_message, std::string(what));
}

// Chromium takes comments in these files, and a mark of their byte order.
Json read_object(std::filesystem::path const& path) {
  Descriptor const file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file.is_open()) return nullptr;
  auto const text = read_at(file.get(), 0, kTextMax + 1);
  if (!text || text->size() > kTextMax) return nullptr;
  auto object = parse_json(*text, Comments::taken);
  if (!object || !object->is_object()) return nullptr;
  return std::move(*object);
}

std::string text_member(Json const& object, std::string const& name) {
  auto const member = object.find(name);
  if (member == object.end() || !member->is_string()) return {};
  return member->get<std::string>();
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// "__MSG_appName__" stands for a text in the default locale's messages, whatever its case.
std::string spelled_out(std::string const& name, Json const& manifest,
                        std::filesystem::path const& root) {
  if (!name.starts_with(kMessage) || !name.ends_with("__") || name.size() < kMessage.size() + 2)
    return name;
  auto const key = lower(name.substr(kMessage.size(), name.size() - kMessage.size() - 2));
  auto const locale = text_member(manifest, "default_locale");
  if (locale.empty() || locale.find('/') != std::string::npos || locale.starts_with('.'))
    return name;
  auto const messages = read_object(root / "_locales" / locale / "messages.json");
  if (!messages.is_object()) return name;
  for (auto const& [id, message] : messages.items())
    if (lower(id) == key && message.is_object()) return text_member(message, "message");
  return name;
}

// As Chromium demands it: one to four numbers up to 65535, "1.2.10".
bool is_version(std::string_view text) {
  for (int parts = 1; parts <= 4; ++parts) {
    auto const dot = text.find('.');
    auto const number = text.substr(0, dot);
    if (number.empty() || number.size() > 5) return false;
    int value = 0;
    for (char const c : number) {
      if (c < '0' || c > '9') return false;
      value = value * 10 + (c - '0');
    }
    if (value > 65'535) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
  return false;
}

Result<void> write_manifest(std::filesystem::path const& path, Json const& manifest) {
  Descriptor const file(::open(path.c_str(), O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC));
  if (!file.is_open()) return system_error("write a manifest");
  auto const text = to_text(manifest);
  return write_all(file.get(), text);
}

}  // namespace

Result<ExtensionManifest> unpack_extension(std::string_view package,
                                           std::filesystem::path const& into) {
  std::string key;
  auto zip = package;
  if (!package.starts_with(kZip)) {
    auto crx = read_crx(package);
    if (!crx) return crx.error();
    zip = crx->zip;
    key = std::move(crx->public_key);
  }
  auto const unpacked = unzip(zip, into, UnzipLimits());
  if (!unpacked) return unpacked.error();
  // The Web Store's own notes. Chromium takes no unpacked extension that has them.
  std::error_code ignored;
  std::filesystem::remove_all(into / "_metadata", ignored);

  auto manifest = read_object(into / "manifest.json");
  if (!manifest.is_object()) return broken("it has no manifest.json that is a JSON object");
  auto const format = manifest.find("manifest_version");
  if (format == manifest.end() || (*format != 2 && *format != 3))
    return broken("its manifest_version is neither 2 nor 3");
  ExtensionManifest read;
  read.version = text_member(manifest, "version");
  if (!is_version(read.version)) return broken("its manifest has no proper version");
  read.name = spelled_out(text_member(manifest, "name"), manifest, into);
  if (read.name.empty() || read.name.size() > kNameMax)
    return broken("its manifest has no proper name");
  // Unpacked, it keeps the id that its key gives it, which other programs know it by. A key that
  // the manifest has already may be anybody's, so Chromium replaces it as well.
  if (!key.empty()) {
    manifest["key"] = net::base64(key);
    auto const wrote = write_manifest(into / "manifest.json", manifest);
    if (!wrote) return wrote.error();
  }
  return read;
}

}  // namespace bridge::local
