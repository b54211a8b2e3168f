#include "config/load.hpp"

#include <fmt/format.h>

#include <set>

#include "base/redact.hpp"
#include "config/address.hpp"
#include "config/key.hpp"
#include "config/parse.hpp"
#include "config/paths.hpp"
#include "config/read_file.hpp"
#include "config/suggest.hpp"
#include "config/validate.hpp"
#include "config/values.hpp"

namespace bridge::config {
namespace {

constexpr std::size_t kLargestFile = 1U << 20;
constexpr std::uint16_t kFirstPort = 9411;

class Loader {
 public:
  explicit Loader(Sources const& sources) : sources_(sources), env_(sources.env) {}

  boost::system::result<Loaded, Problems> load() {
    read_file_layer();
    environment_and_flags();
    base_url();
    choose_backend();
    default_bridge();
    cloud_defaults();
    assign_ports();
    // Without a readable file the rules would judge defaults.
    if (file_is_usable_) validate(config_, origins_, problems_);
    if (!problems_.empty()) {
      problems_.sort();
      return std::move(problems_);
    }
    return std::move(out_);
  }

 private:
  void read_file_layer() {
    if (sources_.flags.config) return named_file(*sources_.flags.config, Origin::flag("--config"));
    if (auto const named = env_text(env_, "BCTRL_BRIDGE_CONFIG"); !named.empty())
      return named_file(named, Origin::env("BCTRL_BRIDGE_CONFIG"));
    auto const directory = config_dir(env_);
    if (!directory.empty() && optional_file(directory + "/config.yaml")) return;
    optional_file(sources_.system_file);
  }

  void named_file(std::string const& path, Origin const& origin) {
    auto const text = read_file(path, kLargestFile);
    if (text) return parse(*text, path);
    file_is_usable_ = false;
    auto const missing = text.error().code == boost::system::errc::no_such_file_or_directory;
    bool const advise = missing && !sources_.running;
    problems_.add(origin, text.error().text() +
                              (advise ? "; create it, the one line \"version: 1\" is enough" : ""));
  }

  // False: there is none, look further.
  bool optional_file(std::string const& path) {
    auto const text = read_file(path, kLargestFile);
    if (text) {
      parse(*text, path);
      return true;
    }
    auto const code = text.error().code;
    if (code == boost::system::errc::no_such_file_or_directory ||
        code == boost::system::errc::not_a_directory)
      return false;
    file_is_usable_ = false;
    problems_.add(Origin::file(path, 0, 0), text.error().text());
    return true;
  }

  void parse(std::string const& text, std::string const& path) {
    out_.file = path;
    parse_config(text, path, env_, config_, origins_, problems_);
  }

  void environment_and_flags() {
    auto const& flags = sources_.flags;
    layer(config_.backend, "backend", flags.backend, "--backend", "BCTRL_BRIDGE_BACKEND");
    layer(config_.logging.level, "log.level", flags.log_level, "--log-level",
          "BCTRL_BRIDGE_LOG_LEVEL");
    layer(config_.logging.format, "log.format", flags.log_format, "--log-format",
          "BCTRL_BRIDGE_LOG_FORMAT");
    layer(config_.service.port, "service.port", flags.service_port, "--service-port",
          "BCTRL_BRIDGE_SERVICE_PORT");
    layer(config_.local.chromium, "local.chromium", flags.chromium, "--chromium",
          "BCTRL_BRIDGE_CHROMIUM");
    if (flags.key_file) key_file(*flags.key_file, Origin::flag("--api-key-file"));
  }

  void key_file(std::string const& text, Origin origin) {
    if (log::looks_like_key(text))
      return problems_.add(std::move(origin),
                           "takes the path of a file, and this looks like the key itself; write "
                           "the key to a file of mode 0600 and name that");
    take(config_.api.key_file, "api.key_file", text, std::move(origin));
  }

  template <class T>
  void layer(T& member, char const* path, std::optional<std::string> const& flag,
             char const* flag_name, char const* variable) {
    if (flag) return take(member, path, *flag, Origin::flag(flag_name));
    if (auto const text = env_text(env_, variable); !text.empty())
      take(member, path, text, Origin::env(variable));
  }

  template <class T>
  void take(T& member, char const* path, std::string const& text, Origin origin) {
    if (auto const objection = parse_value(text, Form::plain, member))
      problems_.add(origin, fmt::format("{} {}", quoted(text), *objection));
    origins_.set(path, std::move(origin));
  }

  void base_url() {
    auto const* variable = "BCTRL_API_BASE_URL";
    for (auto const* stronger : {"BCTRL_BASE_URL", "BCTRL_API_URL"})
      if (!env_text(env_, stronger).empty()) variable = stronger;
    auto& url = config_.api.base_url;
    layer(url, "api.base_url", sources_.flags.base_url, "--api-url", variable);
    url = normal_base_url(url);
  }

  void choose_backend() {
    if (origins_.has("backend")) return;
    if (!config_.api.key_file.empty()) {
      config_.backend = Backend::cloud;
      origins_.set("backend", origins_.of("api.key_file"));
    } else if (!env_text(env_, "BCTRL_API_KEY").empty()) {
      config_.backend = Backend::cloud;
      origins_.set("backend", Origin::env("BCTRL_API_KEY"));
    } else if (auto const credential = credential_file(env_); !credential.empty()) {
      config_.backend = Backend::cloud;
      origins_.set("backend", Origin::file(credential, 0, 0));
    } else if (origins_.of("api.base_url").kind == Origin::Kind::flag) {
      // It asks for that API. Without a key that is an error, not another backend.
      config_.backend = Backend::cloud;
      origins_.set("backend", origins_.of("api.base_url"));
    }
  }

  void default_bridge() {
    if (!origins_.has("bridges")) config_.bridges.emplace_back().name = "main";
    for (auto& bridge : config_.bridges) {
      if (bridge.runtime || bridge.upstream) continue;
      bridge.runtime.emplace().name = bridge.name;
    }
  }

  void cloud_defaults() {
    auto const backend = sources_.running ? sources_.running->backend : config_.backend;
    if (backend != Backend::cloud) return;
    for (std::size_t i = 0; i < config_.bridges.size(); ++i) {
      auto& bridge = config_.bridges[i];
      if (bridge.runtime && !origins_.has(fmt::format("bridges[{}].idle_stop", i)))
        bridge.idle_stop = kCloudIdleStop;
    }
  }

  void keep_ports(std::map<std::string, std::uint16_t> const& ports,
                  std::set<std::uint16_t>& taken) {
    for (auto& bridge : config_.bridges) {
      auto const before = ports.find(bridge.name);
      if (bridge.port || before == ports.end()) continue;
      if (taken.insert(before->second).second) bridge.port = before->second;
    }
  }

  void assign_ports() {
    std::set<std::uint16_t> taken{config_.service.port, config_.local.port};
    for (auto const& bridge : config_.bridges) taken.insert(bridge.port.value_or(0));
    if (sources_.running) keep_ports(sources_.running->ports, taken);
    auto next = kFirstPort;
    for (auto& bridge : config_.bridges) {
      if (bridge.port) continue;
      while (taken.contains(next)) ++next;
      bridge.port = next++;
    }
  }

  Sources const& sources_;
  Env const& env_;
  Loaded out_;
  Config& config_ = out_.config;
  Origins& origins_ = out_.origins;
  Problems problems_;
  bool file_is_usable_ = true;
};

}  // namespace

boost::system::result<Loaded, Problems> load_config(Sources const& sources) {
  return Loader(sources).load();
}

}  // namespace bridge::config
