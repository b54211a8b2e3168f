#include "local/runtime_plan.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "local/proxy_address.hpp"
#include "local/timezone.hpp"

namespace bridge::local {
namespace {

void append(std::vector<std::string>& to, std::vector<std::string> const& more) {
  for (auto const& one : more)
    if (std::find(to.begin(), to.end(), one) == to.end()) to.push_back(one);
}

std::string text_in(Json const& object, char const* name) {
  auto const found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// Reads one config key after the other and notes which have an effect.
class Reader {
 public:
  explicit Reader(RuntimePlan& plan) : plan_(plan) {}

  void config(Json const& config) {
    for (auto const& [name, value] : config.items()) {
      if (value.is_null()) continue;
      if (name == "fingerprint")
        each("fingerprint.", value, &Reader::fingerprint);
      else if (name == "networkTraffic")
        each("networkTraffic.", value, &Reader::traffic);
      else
        note(name, top(name, value));
    }
  }

 private:
  enum class Effect { yes, no, later };

  void note(std::string const& name, Effect effect) {
    if (effect == Effect::yes) plan_.with_effect.push_back(name);
    if (effect == Effect::no) plan_.without_effect.push_back(name);
  }

  void each(std::string const& path, Json const& object,
            Effect (Reader::*read)(std::string const&, Json const&)) {
    for (auto const& [name, value] : object.items())
      if (!value.is_null()) note(path + name, (this->*read)(name, value));
  }

  Effect top(std::string const& name, Json const& value) {
    if (name == "profile") return set(plan_.keep_profile, value);
    if (name == "webRtcProxyOnly") return set(plan_.proxied_webrtc_only, value);
    if (name == "forceOpenShadowRoots") return set(plan_.open_shadow_roots, value);
    if (name == "idleTimeoutSeconds") {
      plan_.idle_timeout = std::chrono::seconds(value.get<std::int64_t>());
      return Effect::yes;
    }
    if (name == "extensionIds") {
      plan_.extension_ids = value.get<std::vector<std::string>>();
      return plan_.extension_ids.empty() ? Effect::yes : Effect::later;
    }
    if (name == "proxy") return proxy(value);
    return Effect::no;
  }

  static Effect set(bool& what, Json const& value) {
    what = value.get<bool>();
    return Effect::yes;
  }

  Effect proxy(Json const& value) {
    if (value.is_string()) {
      auto const text = value.get<std::string>();
      plan_.proxy = parse_proxy(text);
      if (!plan_.proxy) plan_.saved_proxy = text;
      return Effect::later;
    }
    if (value.contains("id")) {
      plan_.saved_proxy = value.at("id").get<std::string>();
      return Effect::later;
    }
    if (value.contains("url")) {
      plan_.proxy = parse_proxy(value.at("url").get<std::string>());
    } else if (value.contains("host")) {
      plan_.proxy.emplace();
      plan_.proxy->protocol = value.at("protocol").get<std::string>();
      plan_.proxy->host = value.at("host").get<std::string>();
      plan_.proxy->port = value.at("port").get<std::uint16_t>();
    }
    if (!plan_.proxy) return Effect::no;
    if (auto const user = text_in(value, "username"); !user.empty()) plan_.proxy->username = user;
    if (auto const word = text_in(value, "password"); !word.empty()) plan_.proxy->password = word;
    // Names are looked up by the proxy, both kinds of it.
    if (text_in(value, "dnsResolution") == "local")
      plan_.without_effect.emplace_back("proxy.dnsResolution");
    return Effect::later;
  }

  Effect fingerprint(std::string const& name, Json const& value) {
    if (name == "viewport") {
      plan_.viewport = RuntimePlan::Viewport{value.at("width"), value.at("height")};
      return Effect::yes;
    }
    if (name == "userAgent" && value.is_string()) {
      plan_.user_agent = value.get<std::string>();
      return Effect::yes;
    }
    // One that was stored on a machine which knew it.
    if (name == "timezone" && value.is_string() && is_timezone(value.get<std::string>())) {
      plan_.timezone = value.get<std::string>();
      return Effect::yes;
    }
    if (name == "locale") {
      if (value.is_string()) plan_.languages = {value.get<std::string>()};
      if (value.is_array()) plan_.languages = value.get<std::vector<std::string>>();
      return plan_.languages.empty() ? Effect::no : Effect::yes;
    }
    return name == "browser" ? Effect::yes : Effect::no;
  }

  Effect traffic(std::string const& name, Json const& value) {
    auto& traffic = plan_.traffic;
    if (name == "urlAllowlist") append(traffic.allow, value.get<std::vector<std::string>>());
    if (name == "urlBlocklist") append(traffic.block, value.get<std::vector<std::string>>());
    if (name == "blockAds" && value.get<bool>()) append(traffic.block, ad_hosts());
    if (name == "blockTrackers" && value.get<bool>()) append(traffic.block, tracker_hosts());
    if (name == "blockResourceTypes")
      for (auto const& type : value) block_type(type.get<std::string>());
    if (name == "saver") return saver(value.get<std::string>());
    return name == "urlAllowlist" || name == "urlBlocklist" || name == "blockAds" ||
                   name == "blockTrackers" || name == "blockResourceTypes"
               ? Effect::yes
               : Effect::no;
  }

  void block_type(std::string const& type) {
    append(plan_.traffic.resource_types, resource_types_of(type));
  }

  // The contract does not say what the levels leave out. Here: what a page can do without, in this
  // order.
  Effect saver(std::string const& level) {
    if (level == "none") return Effect::yes;
    for (auto const type : {"prefetch", "ping", "media", "texttrack"}) block_type(type);
    if (level != "light") block_type("font");
    if (level == "high") block_type("image");
    return Effect::yes;
  }

  RuntimePlan& plan_;
};

}  // namespace

RuntimePlan plan_of(std::string_view stored) {
  RuntimePlan plan;
  Reader(plan).config(Json::parse(stored));
  return plan;
}

std::vector<std::string> RuntimePlan::applied() const {
  auto names = with_effect;
  if (proxy) names.emplace_back("proxy");
  if (!extensions.empty()) names.emplace_back("extensionIds");
  std::erase_if(names, [this](std::string const& name) { return refused.contains(name); });
  return names;
}

std::vector<std::string> RuntimePlan::not_applied() const {
  auto names = without_effect;
  if (!proxy && !saved_proxy.empty()) names.emplace_back("proxy");
  if (extensions.size() < extension_ids.size()) names.emplace_back("extensionIds");
  for (auto const& [name, why] : refused) names.push_back(name);
  return names;
}

std::optional<RuntimePlan::Proxy> parse_proxy(std::string_view text) {
  auto const address = read_proxy_address(text);
  if (!address) return std::nullopt;
  return RuntimePlan::Proxy{address->protocol, address->host, address->port, address->username,
                            address->password.value_or("")};
}

}  // namespace bridge::local
