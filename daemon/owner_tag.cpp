#include "daemon/owner_tag.hpp"

#include <nlohmann/json.hpp>

namespace bridge {
namespace {

using Json = nlohmann::ordered_json;

constexpr char const* kOwner = "bctrlBridgeOwner";
constexpr char const* kBridge = "bctrlBridge";

std::string text_of(Json const& object, char const* key) {
  auto const at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

}  // namespace

std::string to_metadata(OwnerTag const& tag) {
  Json out{{"createdBy", "bctrl-bridge"}};
  if (!tag.owner.empty()) {
    out[kOwner] = tag.owner;
    out[kBridge] = tag.bridge;
  }
  return out.dump();
}

OwnerTag owner_tag_of(std::string_view metadata_json) {
  OwnerTag tag;
  auto const object = Json::parse(metadata_json, nullptr, false);
  if (!object.is_object()) return tag;
  tag.owner = text_of(object, kOwner);
  if (!tag.owner.empty()) tag.bridge = text_of(object, kBridge);
  return tag;
}

}  // namespace bridge
