#include "config/validate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "config/address.hpp"
#include "config/units.hpp"

namespace bridge::config {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLongestName = 63;
constexpr auto kLongestTime = Duration(24h);
constexpr auto kLeastLease = Duration(30s);
constexpr auto kLongestRun = Duration(31 * 24h);
// A size below this was meant to have a unit: "64" for "64MiB".
constexpr std::size_t kLeastSize = 4096;
constexpr std::size_t kMostSize = 16ULL << 30;
// Chrome drops a DevTools connection that sends it a longer message.
constexpr std::size_t kChromeMessage = 100ULL << 20;
constexpr std::size_t kMostClients = 65536;

bool is_name(std::string_view text) {
  auto const alnum = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text.size() <= kLongestName && alnum(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return alnum(c) || c == '-'; });
}

class Rules {
 public:
  Rules(Config const& config, Origins const& origins, Problems& problems)
      : config_(config), origins_(origins), problems_(problems) {}

  void check() {
    api();
    port("service.port", config_.service.port);
    if (config_.backend == Backend::local) local();
    if (config_.bridges.empty())
      problem("bridges",
              "the list is empty; add a bridge, or remove the key for the bridge \"main\"");
    for (std::size_t i = 0; i < config_.bridges.size(); ++i)
      bridge(config_.bridges[i], fmt::format("bridges[{}]", i));
    for (std::size_t i = 0; i < config_.bridges.size(); ++i)
      if (auto const& upstream = config_.bridges[i].upstream)
        no_way_back(*upstream, fmt::format("bridges[{}].upstream", i));
  }

 private:
  void problem(std::string const& path, std::string_view what) {
    problems_.add(origins_.nearest(path), fmt::format("{}: {}", path, what));
  }
  /// "bridges[0] (/x/config.yaml:4)"
  [[nodiscard]] std::string named(std::string const& path) const {
    return fmt::format("{} ({})", path, origins_.nearest(path).text());
  }

  void api() {
    time("api.timeout", config_.api.timeout);
    time("api.start_timeout", config_.api.start_timeout);
    if (!config_.api.proxy.empty()) proxy();
    // An address in the environment is for the vendor's tools; with the local backend it is not
    // ours to judge.
    auto const from_env = origins_.of("api.base_url").kind == Origin::Kind::env;
    if (config_.backend == Backend::cloud || !from_env) base_url();
  }

  void local() {
    port("local.port", config_.local.port);
    auto const at = split_address(config_.local.proxy_test_url);
    if (!at || at->userinfo || (at->scheme != "https" && at->scheme != "http"))
      problem("local.proxy_test_url", "not an address; write https://HOST/PATH");
  }

  void base_url() {
    auto const at = split_address(config_.api.base_url);
    if (!at || (at->scheme != "https" && at->scheme != "http"))
      return problem("api.base_url", "not an address; write https://HOST/v1");
    if (at->userinfo)
      return problem("api.base_url", "an address with a user or password; the API key is enough");
    if (at->scheme == "http" && !is_loopback(at->host))
      problem("api.base_url", "http would send the API key in clear; write https");
  }

  void proxy() {
    auto const at = split_address(config_.api.proxy);
    if (!at || at->path || (at->scheme != "http" && at->scheme != "https"))
      problem("api.proxy", "not a proxy's address; write http://[USER:PASSWORD@]HOST:PORT");
  }

  void bridge(Bridge const& bridge, std::string const& path) {
    name(bridge, path);
    if (bridge.port) port(path + ".port", *bridge.port);
    selection(bridge, path);
    lease(path + ".lease", bridge.lease);
    lifetime(bridge, path);
    time(path + ".attach_timeout", bridge.attach_timeout);
    time(path + ".resume_timeout", bridge.resume_timeout);
    hosts(bridge, path + ".allowed_hosts");
    allowed_origins(bridge, path + ".allowed_origins");
    limits(bridge.limits, path + ".limits.");
  }

  void lifetime(Bridge const& bridge, std::string const& path) {
    if (bridge.upstream) {
      auto const no_use = [&](char const* key, bool set) {
        if (set)
          problem(fmt::format("{}.{}", path, key),
                  "beside an upstream, which is neither started nor stopped; remove it");
      };
      no_use("idle_stop", bridge.idle_stop > Duration::zero());
      no_use("on_last_client", bridge.on_last_client == OnLastClient::stop);
      no_use("max_run", bridge.max_run > Duration::zero());
      no_use("budget", bridge.budget.time > Duration::zero() || bridge.budget.credits > 0);
      return;
    }
    time_or_none(path + ".idle_stop", bridge.idle_stop, kLongestTime);
    time_or_none(path + ".max_run", bridge.max_run, kLongestRun);
    time_or_none(path + ".budget.time", bridge.budget.time, kLongestRun);
    if (bridge.grace > kLongestTime)
      problem(path + ".grace", fmt::format("must be at most {}", print_duration(kLongestTime)));
  }

  // Less than a second was meant to be another unit, and a script that attaches twice meets it.
  void time_or_none(std::string const& path, Duration value, Duration longest) {
    if (value == Duration::zero() || (value >= Duration(1s) && value <= longest)) return;
    problem(path, fmt::format("must be 1s to {}, or 0s for none", print_duration(longest)));
  }

  void name(Bridge const& bridge, std::string const& path) {
    auto const where = path + ".name";
    if (bridge.name.empty() && !origins_.has(where))
      return problem(where, "missing; every bridge needs a name");
    if (!is_name(bridge.name))
      return problem(where, "a name is 1 to 63 of a-z, 0-9 and -, and does not begin with -");
    auto const [first, is_new] = names_.emplace(bridge.name, where);
    if (!is_new)
      problem(where, fmt::format("the same as {}; names must differ", named(first->second)));
  }

  void port(std::string const& path, std::uint16_t value) {
    if (value == 0) return;
    auto const [first, is_new] = ports_.emplace(value, path);
    if (is_new) return;
    // A default that collides with a port somebody chose: point to the choice.
    auto const& here = origins_.has(path) ? path : first->second;
    auto const& other = origins_.has(path) ? first->second : path;
    problem(here, fmt::format("the same port as {}; choose another, or 0 for any free one",
                              named(other)));
  }

  [[nodiscard]] bool given(std::string const& path, bool has_value) const {
    return has_value || origins_.has(path);
  }

  void selection(Bridge const& bridge, std::string const& path) {
    auto const has_upstream = given(path + ".upstream", bridge.upstream.has_value());
    if (bridge.runtime && has_upstream)
      problem(path + ".upstream", "beside a runtime; give either runtime or upstream");
    if (bridge.upstream) upstream(*bridge.upstream, path + ".upstream");
    if (bridge.runtime) runtime(*bridge.runtime, path + ".runtime");
    if (!has_upstream) only_bridge(bridge, path);
  }

  // A runtime takes one controller: the second would wait for ever.
  void only_bridge(Bridge const& bridge, std::string const& path) {
    auto runtime = bridge.runtime.value_or(RuntimeRef());
    if (!bridge.runtime) runtime.name = bridge.name;  // see load_config()
    auto const& which = runtime.id.empty() ? runtime.name : runtime.id;
    auto const [first, is_new] =
        runtimes_.emplace(std::tuple(runtime.id.empty(), which, runtime.space), bridge.name);
    if (is_new || which.empty() || first->second == bridge.name) return;
    auto const own = path + (runtime.id.empty() ? ".runtime.name" : ".runtime.id");
    problem(origins_.has(own) ? own : path + ".name",
            fmt::format("the runtime of bridge {}; give another, or let its clients attach to {}",
                        first->second, first->second));
  }

  void runtime(RuntimeRef const& runtime, std::string const& path) {
    auto const has_id = given(path + ".id", !runtime.id.empty());
    auto const has_name = given(path + ".name", !runtime.name.empty());
    if (has_id && has_name) return problem(path + ".name", "beside an id; give either id or name");
    if (!has_id && !has_name) return problem(path, "needs an id or a name");
    if (has_id && runtime.id.empty()) problem(path + ".id", "empty; give an id, or a name instead");
    if (has_name && runtime.name.empty()) problem(path + ".name", "empty; give a name");
  }

  void upstream(Secret const& url, std::string const& path) {
    auto const at = split_address(url.reveal());
    auto const known = at && (at->scheme == "ws" || at->scheme == "wss" || at->scheme == "http" ||
                              at->scheme == "https");
    if (!known) return problem(path, "not an address; write wss://HOST/PATH, or ws, https or http");
    auto const clear = at->scheme == "ws" || at->scheme == "http";
    if (clear && !is_loopback(at->host))
      problem(path, "would send its credentials in clear to another machine; use wss or https");
  }

  // A bridge that attaches to itself waits for its own answer. Call it when all ports are known.
  void no_way_back(Secret const& url, std::string const& path) {
    auto const at = split_address(url.reveal());
    if (!at || !is_loopback(at->host)) return;
    auto const known = ports_.find(at->port_number());
    if (known == ports_.end()) return;
    problem(path, fmt::format("leads back to this daemon, to {}; name the port of another browser",
                              named(known->second)));
  }

  void time(std::string const& path, Duration value) {
    if (value <= Duration::zero() || value > kLongestTime)
      problem(path,
              fmt::format("must be more than 0s and at most {}", print_duration(kLongestTime)));
  }

  // The daemon is heard of every 20 s, by a ping.
  void lease(std::string const& path, Duration value) {
    if (value == Duration::zero() || (value >= kLeastLease && value <= kLongestTime)) return;
    problem(path, fmt::format("must be {} to {}, or 0s for none", print_duration(kLeastLease),
                              print_duration(kLongestTime)));
  }

  // A wildcard would let any web page in by DNS rebinding, which these lists are there to stop.
  void hosts(Bridge const& bridge, std::string const& path) {
    for (std::size_t i = 0; i < bridge.allowed_hosts.size(); ++i) {
      auto const& host = bridge.allowed_hosts[i];
      auto const at = split_address("http://" + host);
      if (!at || at->userinfo || !at->port.empty() ||
          host.find_first_of("/?#*") != std::string::npos)
        problem(fmt::format("{}[{}]", path, i),
                "not a host name; write it without scheme, port and *");
    }
  }

  void allowed_origins(Bridge const& bridge, std::string const& path) {
    for (std::size_t i = 0; i < bridge.allowed_origins.size(); ++i) {
      auto const& text = bridge.allowed_origins[i];
      auto const at = split_address(text);
      if (!at || at->userinfo || at->path || text.find_first_of("*?#") != std::string::npos)
        problem(fmt::format("{}[{}]", path, i),
                "not an origin; write scheme://HOST[:PORT], without *");
    }
  }

  void size(std::string const& path, std::size_t value, std::size_t most) {
    if (value < kLeastSize || value > most)
      problem(path, fmt::format("must be {} to {}; sizes are written 64MiB", print_size(kLeastSize),
                                print_size(most)));
  }

  void limits(Limits const& limits, std::string const& path) {
    if (limits.client_message >= kChromeMessage)
      problem(path + "client_message",
              "must be less than 100MiB: Chrome drops the connection at a longer message");
    size(path + "client_message", limits.client_message, kMostSize);
    size(path + "client_queue", limits.client_queue, kMostSize);
    size(path + "upstream_message", limits.upstream_message, kMostSize);
    size(path + "upstream_queue", limits.upstream_queue, kMostSize);
    if (limits.clients == 0 || limits.clients > kMostClients)
      problem(path + "clients", fmt::format("must be 1 to {}", kMostClients));
  }

  Config const& config_;
  Origins const& origins_;
  Problems& problems_;
  std::map<std::string, std::string> names_;
  std::map<std::uint16_t, std::string> ports_;
  std::map<std::tuple<bool, std::string, std::string>, std::string> runtimes_;
};

}  // namespace

void validate(Config const& config, Origins const& origins, Problems& problems) {
  Rules(config, origins, problems).check();
}

}  // namespace bridge::config
