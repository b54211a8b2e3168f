#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "local/extension_package.hpp"
#include "local/json.hpp"
#include "tests/fuzz/checks.hpp"
#include "tests/fuzz/directory.hpp"
#include "tests/fuzz/names.hpp"
#include "tests/fuzz/signer.hpp"
#include "tests/unit/local/archives.hpp"

namespace bridge::fuzz {
namespace {

using nlohmann::json;

constexpr std::string_view kManifest = "manifest.json";
constexpr std::string_view kMessages = "_locales/en/messages.json";

/// What a script says of an extension, as texts: they may be no JSON at all.
struct Texts {
  std::string manifest;
  std::string messages;
};

/// A JSON string, as long as the bytes are one.
std::string string_of(std::string_view bytes) {
  return json(bytes).dump(-1, ' ', false, json::error_handler_t::replace);
}

/// A value as deep as `depth` says.
std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

Texts written(Bytes in) {
  auto const flags = in.byte();
  auto const name = in.take(in.byte() % 32);
  auto const version = in.take(in.byte() % 16);
  Texts out;
  out.manifest = "{\"manifest_version\":" + std::to_string(flags % 4) +
                 ",\"version\":" + string_of(version) + ",\"name\":" + string_of(name);
  if ((flags & 4U) != 0) out.manifest += R"(,"default_locale":"en")";
  if ((flags & 8U) != 0) out.manifest += R"(,"key":"of somebody else")";
  if ((flags & 16U) != 0) out.manifest += ",\"deep\":" + nested(in.byte());
  if ((flags & 32U) != 0) out.manifest += "/* [ \" */";
  out.manifest += '}';
  out.messages = "{" + string_of(in.take(in.byte() % 32)) + ":{\"message\":";
  if ((flags & 64U) != 0) out.messages += nested(in.byte()) + ",\"message\":";
  out.messages += string_of(in.rest()) + "}}";
  return out;
}

// Four numbers at most.
bool is_version(std::string const& text) {
  int numbers = 0;
  for (std::size_t at = 0; at <= text.size(); ++numbers) {
    auto const end = std::min(text.find('.', at), text.size());
    auto const number = text.substr(at, end - at);
    if (number.empty() || number.find_first_not_of("0123456789") != std::string::npos) return false;
    if (number.size() > 5 || std::stoi(number) > 65'535) return false;
    at = end + 1;
  }
  return numbers <= 4;
}

/// Null for what is taken for no object. Comments are read, as Chromium does.
json read(std::map<std::string, std::string> const& files, std::string_view name) {
  auto const found = files.find(std::string(name));
  if (found == files.end()) return {};
  int deepest = 0;
  auto const note = [&deepest](int depth, json::parse_event_t event, json&) {
    bool const opens =
        event == json::parse_event_t::array_start || event == json::parse_event_t::object_start;
    if (opens) deepest = std::max(deepest, depth + 1);
    return true;
  };
  auto value = json::parse(found->second, note, false, true);
  if (deepest > static_cast<int>(local::kJsonDepthMax) || !value.is_object()) return {};
  return value;
}

std::string member(json const& object, std::string const& name) {
  auto const found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string name_of(json const& manifest, json const& messages) {
  auto const name = member(manifest, "name");
  if (!name.starts_with("__MSG_") || !name.ends_with("__") || name.size() < 8) return name;
  if (member(manifest, "default_locale") != "en" || !messages.is_object()) return name;
  auto const key = lower(name.substr(6, name.size() - 8));
  for (auto const& [id, message] : messages.items())
    if (lower(id) == key && message.is_object()) return member(message, "message");
  return name;
}

void check_package(Texts const& texts, bool signed_by) {
  static Signer const signer;
  auto const zip = test::zip_of({{std::string(kManifest), texts.manifest},
                                 {std::string(kMessages), texts.messages},
                                 {"_metadata/notes", "x"},
                                 {"a.js", "y"}});
  static FencedDirectory directory;
  directory.clear();
  auto const taken =
      local::unpack_extension(signed_by ? packed(signer, zip) : zip, directory.into());
  auto files = directory.contents();
  if (!taken) {
    require(taken.error().is(Errc::bad_message), "a refusal is the sender's");
    return;
  }
  auto const manifest = read(files, kManifest);
  require(manifest.is_object(), "there is a manifest");
  require(is_version(taken->version) && manifest.at("version") == taken->version, "the version");
  require(!taken->name.empty() && taken->name.size() <= 255, "the name's size");
  require(taken->name == name_of(manifest, read(files, kMessages)), "the name");
  if (signed_by) {
    std::string key(200, '\0');
    key.resize(static_cast<std::size_t>(
        ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(key.data()),
                          reinterpret_cast<unsigned char const*>(signer.public_key().data()),
                          static_cast<int>(signer.public_key().size()))));
    require(manifest.at("key") == key, "the id is that of who has signed");
  } else {
    require(files[std::string(kManifest)] == texts.manifest, "a ZIP is left as it is");
  }
  for (auto const& [name, content] : files)
    require(!name.starts_with("_metadata"), "the store's notes are gone");
  require(files.size() == 5, "all files, and the folders _locales and _locales/en");
}

}  // namespace

void check_package(std::string_view bytes) {
  Bytes in(bytes);
  auto const kind = in.byte();
  if ((kind & 2U) != 0) return check_package(written(in), (kind & 1U) != 0);
  Texts raw;
  raw.manifest = in.take(in.byte());
  raw.messages = in.rest();
  check_package(raw, (kind & 1U) != 0);
}

}  // namespace bridge::fuzz
