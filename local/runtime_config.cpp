#include "local/runtime_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "local/proxy_address.hpp"
#include "local/timezone.hpp"

namespace bridge::local {
namespace {

/// Reads fields of one JSON object and remembers the first one that is not what it should be.
class Fields {
 public:
  Fields(Json const& object, std::string path, std::optional<Problem>& problem)
      : object_(object), path_(std::move(path)), problem_(problem) {}

  void boolean(std::string_view name) {
    expect(name, "true or false", [](Json const& v) { return v.is_boolean(); });
  }
  void text(std::string_view name) {
    expect(name, "a string", [](Json const& v) { return v.is_string(); });
  }
  void whole(std::string_view name, std::int64_t least, std::int64_t most) {
    auto const what = fmt::format("a whole number from {} to {}", least, most);
    expect(name, what, [=](Json const& v) {
      if (v.is_number_unsigned() && v.get<std::uint64_t>() > std::uint64_t(INT64_MAX)) return false;
      return v.is_number_integer() && v.get<std::int64_t>() >= least &&
             v.get<std::int64_t>() <= most;
    });
  }
  void one_of(std::string_view name, std::vector<std::string_view> const& known) {
    expect(name, fmt::format("one of {}", fmt::join(known, ", ")),
           [&](Json const& v) { return is_known(v, known); });
  }
  void texts(std::string_view name) {
    expect(name, "a list of strings", [](Json const& v) {
      return v.is_array() && std::all_of(v.begin(), v.end(), [](auto& x) { return x.is_string(); });
    });
  }
  void many_of(std::string_view name, std::vector<std::string_view> const& known) {
    expect(name, fmt::format("a list of {}", fmt::join(known, ", ")), [&](Json const& v) {
      return v.is_array() &&
             std::all_of(v.begin(), v.end(), [&](auto& x) { return is_known(x, known); });
    });
  }
  /// Calls `inner` with the fields of the object called `name`, if it is there.
  template <class Inner>
  void object(std::string_view name, Inner inner) {
    expect(name, "an object", [](Json const& v) { return v.is_object(); });
    if (!problem_ && object_.contains(name))
      inner(Fields(object_.at(name), path_of(name), problem_));
  }
  void must(std::string_view name, std::string_view what, bool (*test)(Json const&)) {
    expect(name, what, test);
  }
  void required(std::string_view name) {
    if (!problem_ && !object_.contains(name))
      problem_ = Problem::invalid(path_of(name), fmt::format("{} is missing.", path_of(name)));
  }
  [[nodiscard]] bool has(std::string_view name) const { return object_.contains(name); }

 private:
  static bool is_known(Json const& value, std::vector<std::string_view> const& known) {
    return value.is_string() && std::find(known.begin(), known.end(),
                                          value.get_ref<std::string const&>()) != known.end();
  }
  [[nodiscard]] std::string path_of(std::string_view name) const {
    return fmt::format("{}.{}", path_, name);
  }
  template <class Fits>
  void expect(std::string_view name, std::string_view what, Fits fits) {
    auto const field = object_.find(name);
    if (problem_ || field == object_.end() || fits(*field)) return;
    problem_ = Problem::invalid(path_of(name), fmt::format("{} must be {}.", path_of(name), what));
  }

  Json const& object_;
  std::string path_;
  std::optional<Problem>& problem_;
};

constexpr std::int64_t kPixelsMax = 16'384;
constexpr std::int64_t kIdleSecondsMax = 30LL * 24 * 3600;

// What goes to Chromium as a flag or a variable: printable, and no words with a meaning of their
// own.
constexpr std::string_view kTagLetters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

bool is_tag(Json const& value) {
  return value.is_string() && !value.get_ref<std::string const&>().empty() &&
         value.get_ref<std::string const&>().find_first_not_of(kTagLetters) == std::string::npos;
}

bool is_locale(Json const& value) {
  if (!value.is_array()) return is_tag(value);
  return !value.empty() && std::all_of(value.begin(), value.end(), is_tag);
}

bool is_zone_name(Json const& value) {
  return value.is_string() && is_timezone(value.get_ref<std::string const&>());
}

bool is_printable(Json const& value) {
  if (!value.is_string()) return false;
  auto const& text = value.get_ref<std::string const&>();
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

void check_fingerprint(Fields fields) {
  fields.text("browser");
  fields.must("locale", "a language tag like de-DE, or a list of them", is_locale);
  fields.must("timezone", "an IANA time zone like Europe/Berlin", is_zone_name);
  fields.must("userAgent", "printable ASCII text", is_printable);
  fields.object("viewport", [](Fields viewport) {
    viewport.required("width");
    viewport.required("height");
    viewport.whole("width", 1, kPixelsMax);
    viewport.whole("height", 1, kPixelsMax);
  });
}

// Chromium refuses the whole list for one entry that it cannot read.
bool is_traffic_list(Json const& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(), [](Json const& one) {
           if (!one.is_string()) return false;
           auto const& text = one.get_ref<std::string const&>();
           return !text.empty() && std::none_of(text.begin(), text.end(), [](char c) {
             return static_cast<unsigned char>(c) <= ' ' || c == '<' || c == '>';
           });
         });
}

void check_traffic(Fields fields) {
  fields.one_of("saver", {"none", "light", "medium", "high"});
  fields.boolean("blockAds");
  fields.boolean("blockTrackers");
  fields.many_of("blockResourceTypes",
                 {"media", "texttrack", "font", "image", "ping", "prefetch", "beacon"});
  for (auto const name : {"urlAllowlist", "urlBlocklist"})
    fields.must(name, "a list of hosts, or of addresses with *", is_traffic_list);
}

bool is_proxy_address(Json const& value) {
  return value.is_string() && read_proxy_address(value.get_ref<std::string const&>()).has_value();
}

bool is_address_or_id(Json const& value) {
  if (!value.is_string()) return false;
  return value.get_ref<std::string const&>().find("://") == std::string::npos ||
         is_proxy_address(value);
}

void check_proxy(Fields fields) {
  for (auto const name : {"id", "url", "username", "password", "host", "country", "type"})
    fields.text(name);
  fields.must("url", "an address like http://host:port or socks5://host:port", is_proxy_address);
  for (auto const name : {"username", "password"})
    fields.must(name, "at most 255 bytes without control characters",
                [](Json const& v) { return is_proxy_login(v.get_ref<std::string const&>()); });
  fields.must("host", "a name or an address",
              [](Json const& v) { return is_proxy_host(v.get_ref<std::string const&>()); });
  fields.one_of("protocol", {"http", "socks5"});
  fields.one_of("pool", {"pool1", "pool2"});
  fields.whole("port", 1, 65'535);
  if (fields.has("url") || fields.has("pool") || fields.has("id")) return;
  for (auto const name : {"host", "port", "protocol"}) fields.required(name);
}

// A proxy address as the read side names its parts.
Json custom_from_url(std::string_view text) {
  auto const address = read_proxy_address(text).value_or(ProxyAddress());
  Json shown{{"type", "custom"},
             {"protocol", address.protocol},
             {"host", address.host},
             {"port", address.port},
             {"hasPassword", address.password.has_value()}};
  if (!address.username.empty()) shown["username"] = address.username;
  return shown;
}

Json shown_proxy(Json const& asked) {
  if (asked.is_null()) return asked;
  if (asked.is_string()) {
    auto const& text = asked.get_ref<std::string const&>();
    if (text.find("://") != std::string::npos) return custom_from_url(text);
    return Json{{"id", text}, {"name", text}, {"type", "custom"}};
  }
  auto shown = asked;
  bool has_password = shown.erase("password") > 0;
  if (auto const url = asked.find("url"); url != asked.end()) {
    shown.erase("url");
    auto const parts = custom_from_url(url->get_ref<std::string const&>());
    has_password = has_password || parts.at("hasPassword").get<bool>();
    shown.update(parts);
    if (asked.contains("username")) shown["username"] = asked.at("username");
  }
  if (asked.contains("pool")) {
    shown["type"] = "managed-rotating";
  } else if (asked.contains("id")) {
    shown["name"] = asked.at("id");
    shown["type"] = "custom";
  } else {
    shown["type"] = "custom";
    shown["hasPassword"] = has_password;
  }
  return shown;
}

}  // namespace

std::optional<Problem> check_config(Json const& config) {
  std::optional<Problem> problem;
  if (!config.is_object()) return Problem::invalid("config", "config must be an object.");
  Fields fields(config, "config", problem);
  for (auto const name : {"autoUpgrade", "forceOpenShadowRoots", "profile", "webRtcProxyOnly"})
    fields.boolean(name);
  fields.texts("extensionIds");
  fields.whole("idleTimeoutSeconds", 0, kIdleSecondsMax);
  fields.one_of("stealth", {"normal", "best", "experimental"});
  fields.object("fingerprint", check_fingerprint);
  fields.object("networkTraffic", check_traffic);
  if (auto const proxy = config.find("proxy"); proxy != config.end() && !proxy->is_null()) {
    if (proxy->is_object())
      fields.object("proxy", check_proxy);
    else
      fields.must("proxy", "an address like http://host:port or the id of a proxy",
                  is_address_or_id);
  }
  return problem;
}

std::optional<Problem> read_shown(Json& config) {
  if (!config.is_object()) return std::nullopt;
  auto const proxy = config.find("proxy");
  if (proxy == config.end() || !proxy->is_object()) return std::nullopt;
  auto const type = proxy->value("type", Json("custom"));
  std::vector<std::string> const known{"custom", "managed-rotating", "managed-static"};
  if (!type.is_string() ||
      std::find(known.begin(), known.end(), type.get<std::string>()) == known.end())
    return Problem::invalid("config.proxy.type", fmt::format("config.proxy.type must be one of {}.",
                                                             fmt::join(known, ", ")));
  auto const id = proxy->value("id", Json());
  if (type == "custom" && id.is_string() && !proxy->contains("pool")) *proxy = id;
  return std::nullopt;
}

std::optional<Problem> keep_password(Json& config, std::string_view before) {
  auto const proxy = config.find("proxy");
  if (proxy == config.end() || !proxy->is_object()) return std::nullopt;
  auto const told = proxy->value("hasPassword", Json());
  proxy->erase("hasPassword");
  auto const given = plan_of(to_text(config)).proxy;
  if (told != true || !given || !given->password.empty()) return std::nullopt;
  auto const stored = plan_of(before).proxy;
  if (!stored || stored->protocol != given->protocol || stored->host != given->host ||
      stored->port != given->port || stored->username != given->username)
    return Problem::invalid("config.proxy.password",
                            "config.proxy.password is missing: hasPassword says that there is one, "
                            "and none is known for this address and user.");
  if (!stored->password.empty()) (*proxy)["password"] = stored->password;
  return std::nullopt;
}

Json shown_config(std::string_view stored) {
  auto config = Json::parse(stored);
  if (!config.contains("profile")) config["profile"] = false;
  if (auto const proxy = config.find("proxy"); proxy != config.end()) *proxy = shown_proxy(*proxy);
  return config;
}

}  // namespace bridge::local
