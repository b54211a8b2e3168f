#include "config/validate.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "support.hpp"

using namespace bridge::config;

TEST_CASE("validate: the rules, each at the place of the value") {
  struct {
    std::string name;
    std::string text;
    std::string errors;
  } const rows[] = {
      {"fine", "bridges: [{name: a, port: 1}, {name: b-2, port: 0}, {name: c, port: 0}]", ""},
      {"no bridge", "bridges: []",
       "f.yaml:2:10: bridges: the list is empty; add a bridge, or remove the key for the bridge "
       "\"main\""},
      {"no name", "bridges:\n  - port: 1",
       "f.yaml:3:5: bridges[0].name: missing; every bridge needs a name"},
      {"an item without keys", "bridges:\n  - name: a\n  -\n  - name: b",
       "f.yaml:5:3: bridges[1].name: missing; every bridge needs a name"},
      {"upper case", "bridges: [{name: Main}]",
       "f.yaml:2:18: bridges[0].name: a name is 1 to 63 of a-z, 0-9 and -, and does not begin with "
       "-"},
      {"leading dash", "bridges: [{name: -a}]",
       "f.yaml:2:18: bridges[0].name: a name is 1 to 63 of a-z, 0-9 and -, and does not begin with "
       "-"},
      {"empty name", "bridges: [{name: ''}]",
       "f.yaml:2:18: bridges[0].name: a name is 1 to 63 of a-z, 0-9 and -, and does not begin with "
       "-"},
      {"long name",
       "bridges: [{name: a123456789012345678901234567890123456789012345678901234567890123}]",
       "f.yaml:2:18: bridges[0].name: a name is 1 to 63 of a-z, 0-9 and -, and does not begin with "
       "-"},
      {"same name", "bridges:\n  - name: a\n  - name: a",
       "f.yaml:4:11: bridges[1].name: the same as bridges[0].name (f.yaml:3); names must differ"},
      {"one runtime for two",
       "bridges:\n  - {name: a, runtime: {id: x}}\n  - {name: b, runtime: {id: x}}",
       "f.yaml:4:29: bridges[1].runtime.id: the runtime of bridge a; give another, or let its "
       "clients attach to a"},
      {"one runtime for two, by its bridge's name",
       "bridges:\n  - {name: a, runtime: {name: b}}\n  - {name: b}",
       "f.yaml:4:12: bridges[1].name: the runtime of bridge a; give another, or let its clients "
       "attach to a"},
      {"one name in two spaces",
       "bridges:\n  - {name: a, runtime: {name: x, space: s}}\n"
       "  - {name: b, runtime: {name: x}}",
       ""},
      {"runtime and upstream", "bridges:\n  - name: a\n    runtime: x\n    upstream: wss://h",
       "f.yaml:5:15: bridges[0].upstream: beside a runtime; give either runtime or upstream"},
      {"id and name", "bridges: [{name: a, runtime: {id: x, name: y}}]",
       "f.yaml:2:44: bridges[0].runtime.name: beside an id; give either id or name"},
      {"neither id nor name", "bridges:\n  - name: a\n    runtime:\n      space: x",
       "f.yaml:5:7: bridges[0].runtime: needs an id or a name"},
      {"empty id", "bridges: [{name: a, runtime: {id: ''}}]",
       "f.yaml:2:35: bridges[0].runtime.id: empty; give an id, or a name instead"},
      {"same port", "bridges:\n  - {name: a, port: 9500}\n  - {name: b, port: 9500}",
       "f.yaml:4:21: bridges[1].port: the same port as bridges[0].port (f.yaml:3); choose another, "
       "or 0 for "
       "any free one"},
      {"port of the service", "bridges: [{name: a, port: 9410}]",
       "f.yaml:2:27: bridges[0].port: the same port as service.port (default); choose another, or "
       "0 for any "
       "free one"},
      {"port of the local backend", "backend: local\nlocal: {port: 9410}",
       "f.yaml:3:15: local.port: the same port as service.port (default); choose another, or 0 for "
       "any free one"},
      {"that one is not in use", "backend: cloud\nlocal: {port: 9410}", ""},
      {"its own upstream", "bridges: [{name: a, port: 9500, upstream: 'http://127.0.0.1:9500'}]",
       "f.yaml:2:43: bridges[0].upstream: leads back to this daemon, to bridges[0].port "
       "(f.yaml:2); name the port of another browser"},
      {"the upstream is a bridge",
       "bridges:\n  - {name: a, upstream: 'ws://LOCALHOST:9500/x?token=canary'}\n"
       "  - {name: b, port: 9500}",
       "f.yaml:3:25: bridges[0].upstream: leads back to this daemon, to bridges[1].port "
       "(f.yaml:4); name the port of another browser"},
      {"the upstream is below the service port",
       "bridges: [{name: a, upstream: 'http://[::1]:9410/b/a'}]",
       "f.yaml:2:31: bridges[0].upstream: leads back to this daemon, to service.port (default); "
       "name the port of another browser"},
      {"a port by the scheme alone", "bridges: [{name: a, port: 80, upstream: 'ws://localhost'}]",
       "f.yaml:2:41: bridges[0].upstream: leads back to this daemon, to bridges[0].port "
       "(f.yaml:2); name the port of another browser"},
      {"the same port elsewhere",
       "bridges: [{name: a, port: 9500, upstream: 'wss://cloud.example:9500'}]", ""},
      {"upstream in clear", "bridges: [{name: a, upstream: 'ws://cloud.example/x'}]",
       "f.yaml:2:31: bridges[0].upstream: would send its credentials in clear to another machine; "
       "use wss or "
       "https"},
      {"upstream http in clear", "bridges: [{name: a, upstream: 'http://10.0.0.1:9222'}]",
       "f.yaml:2:31: bridges[0].upstream: would send its credentials in clear to another machine; "
       "use wss or "
       "https"},
      {"upstream of this machine in disguise",
       "bridges: [{name: a, upstream: 'ws://127.0.0.1@evil.example/'}]",
       "f.yaml:2:31: bridges[0].upstream: would send its credentials in clear to another machine; "
       "use wss or "
       "https"},
      {"upstream on this machine",
       "bridges: [{name: a, upstream: 'ws://127.0.0.1:1/x'}, {name: b, upstream: "
       "'http://[::1]:1'}, "
       "{name: c, upstream: 'ws://x.localhost'}, {name: d, upstream: 'wss://h/p'}, {name: e, "
       "upstream: "
       "'https://h'}]",
       ""},
      {"upstream scheme", "bridges: [{name: a, upstream: 'ftp://h'}]",
       "f.yaml:2:31: bridges[0].upstream: not an address; write wss://HOST/PATH, or ws, https or "
       "http"},
      {"upstream empty", "bridges: [{name: a, upstream: ''}]",
       "f.yaml:2:31: bridges[0].upstream: not an address; write wss://HOST/PATH, or ws, https or "
       "http"},
      {"client message", "bridges: [{name: a, limits: {client_message: 100MiB}}]",
       "f.yaml:2:46: bridges[0].limits.client_message: must be less than 100MiB: Chrome drops the "
       "connection "
       "at a longer message"},
      {"forgotten unit", "bridges: [{name: a, limits: {client_queue: 64}}]",
       "f.yaml:2:44: bridges[0].limits.client_queue: must be 4KiB to 16GiB; sizes are written "
       "64MiB"},
      {"no clients", "bridges: [{name: a, limits: {clients: 0}}]",
       "f.yaml:2:39: bridges[0].limits.clients: must be 1 to 65536"},
      {"no time", "api: {timeout: 0s}",
       "f.yaml:2:16: api.timeout: must be more than 0s and at most 24h"},
      {"a blink of a run", "bridges: [{name: a, max_run: 20ms}]",
       "f.yaml:2:30: bridges[0].max_run: must be 1s to 744h, or 0s for none"},
      {"an idle day and more", "bridges: [{name: a, idle_stop: 25h}]",
       "f.yaml:2:32: bridges[0].idle_stop: must be 1s to 24h, or 0s for none"},
      {"no idle stop", "bridges: [{name: a, idle_stop: 0s, max_run: 0s, grace: 0s}]", ""},
      {"too much grace", "bridges: [{name: a, grace: 25h}]",
       "f.yaml:2:28: bridges[0].grace: must be at most 24h"},
      {"no budget", "bridges: [{name: a, budget: 60m}]",
       "f.yaml:2:29: bridges[0].budget: \"60m\" is not a budget; write 60m/day, 20h/month, or a "
       "map "
       "of time, credits and per"},
      {"a budget of another week", "bridges: [{name: a, budget: 60m/week}]",
       "f.yaml:2:29: bridges[0].budget: \"60m/week\" is not a budget; write 60m/day, 20h/month, or "
       "a "
       "map of time, credits and per"},
      {"a budget that is none", "bridges: [{name: a, budget: {time: 100ms}}]",
       "f.yaml:2:36: bridges[0].budget.time: must be 1s to 744h, or 0s for none"},
      {"the life of an upstream",
       "bridges: [{name: a, upstream: 'wss://h', idle_stop: 5m, on_last_client: stop, max_run: 1h, "
       "budget: 1h/day}]",
       "f.yaml:2:53: bridges[0].idle_stop: beside an upstream, which is neither started nor "
       "stopped; remove it\n"
       "f.yaml:2:73: bridges[0].on_last_client: beside an upstream, which is neither started nor "
       "stopped; remove it\n"
       "f.yaml:2:88: bridges[0].max_run: beside an upstream, which is neither started nor stopped; "
       "remove it\n"
       "f.yaml:2:100: bridges[0].budget: beside an upstream, which is neither started nor stopped; "
       "remove it"},
      {"too much time", "bridges: [{name: a, attach_timeout: 25h}]",
       "f.yaml:2:37: bridges[0].attach_timeout: must be more than 0s and at most 24h"},
      {"a lease that pings do not keep", "bridges: [{name: a, lease: 29s}]",
       "f.yaml:2:28: bridges[0].lease: must be 30s to 24h, or 0s for none"},
      {"too long a lease", "bridges: [{name: a, lease: 25h}]",
       "f.yaml:2:28: bridges[0].lease: must be 30s to 24h, or 0s for none"},
      {"the shortest lease", "bridges: [{name: a, lease: 30s}]", ""},
      {"no lease", "bridges: [{name: a, lease: 0s}]", ""},
      {"any host", "bridges: [{name: a, allowed_hosts: [ok.example, '*']}]",
       "f.yaml:2:49: bridges[0].allowed_hosts[1]: not a host name; write it without scheme, port "
       "and *"},
      {"host with port", "bridges: [{name: a, allowed_hosts: ['h:1']}]",
       "f.yaml:2:37: bridges[0].allowed_hosts[0]: not a host name; write it without scheme, port "
       "and *"},
      {"any origin", "bridges: [{name: a, allowed_origins: ['*']}]",
       "f.yaml:2:39: bridges[0].allowed_origins[0]: not an origin; write scheme://HOST[:PORT], "
       "without *"},
      {"origin with path", "bridges: [{name: a, allowed_origins: ['https://h/x']}]",
       "f.yaml:2:39: bridges[0].allowed_origins[0]: not an origin; write scheme://HOST[:PORT], "
       "without *"},
      {"origins",
       "bridges: [{name: a, allowed_origins: ['https://h:1', 'chrome-extension://abc']}]", ""},
      {"base URL", "api: {base_url: api.bctrl.ai}",
       "f.yaml:2:17: api.base_url: not an address; write https://HOST/v1"},
      {"base URL in clear", "api: {base_url: 'http://api.bctrl.ai'}",
       "f.yaml:2:17: api.base_url: http would send the API key in clear; write https"},
      {"base URL with a user", "api: {base_url: 'https://canary@h'}",
       "f.yaml:2:17: api.base_url: an address with a user or password; the API key is enough"},
      {"base URL of this machine", "api: {base_url: 'http://localhost:8787'}", ""},
      {"proxy", "api: {proxy: 'socks5://canary:canary@h'}",
       "f.yaml:2:14: api.proxy: not a proxy's address; write http://[USER:PASSWORD@]HOST:PORT"},
      {"proxy with a user", "api: {proxy: 'http://u:p@h:3128/'}", ""},
      {"what proxies are tried with", "local: {proxy_test_url: ip.test}",
       "f.yaml:2:25: local.proxy_test_url: not an address; write https://HOST/PATH"},
      {"what proxies are tried with, in clear", "local: {proxy_test_url: 'http://ip.test/?a'}", ""},
  };
  for (auto const& row : rows) {
    CAPTURE(row.name);
    CHECK(check_text(std::string("version: 1\n") + row.text).errors() == row.errors);
  }
}

TEST_CASE("validate: what was wrong with a value alone is not told twice") {
  CHECK(check_text("version: 1\nbridges: [{name: '${GONE}'}]").problems.list().size() == 1);
  CHECK(check_text("version: 1\nbridges: [{name: a, runtime: {id: '${GONE}'}}]")
            .problems.list()
            .size() == 1);
  CHECK(check_text("version: 1\nbridges: [{name: a, runtime: {id: '$x', name: y}}]")
            .problems.list()
            .size() == 2);
}

TEST_CASE("validate: no error repeats a value") {
  FakeEnv const env{{"V", "CANARY"}};
  auto const errors = check_text(R"(version: 1
api: {base_url: "${V}", proxy: "${V}"}
bridges:
  - {name: "${V}", upstream: "ws://${V}/${V}", allowed_hosts: ["${V}:1"], allowed_origins: ["${V}"]}
  - {name: "${V}", upstream: "${V}"}
)",
                                 env.get())
                          .errors();
  CHECK(std::count(errors.begin(), errors.end(), '\n') == 7);
  CHECK(!contains(errors, "CANARY"));
}
