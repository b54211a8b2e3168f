#include <doctest/doctest.h>

#include "config/read_file.hpp"
#include "config/show.hpp"
#include "support.hpp"

using namespace bridge::config;

namespace {

// CTest runs us in the project's root; a run by hand may be elsewhere in the tree.
std::string example() {
  for (std::string path = "config/example.yaml", up; up.size() < 30; up += "../") {
    if (auto text = bridge::config::read_file(up + path, 1 << 20)) return *text;
  }
  FAIL("config/example.yaml not found; run this in the source tree");
  return "";
}

// "# id: rt_123" in a comment documents a key that cannot stand beside the one in use.
bool documents(Read const& read, std::string const& text, std::string const& key) {
  for (auto const* bridge : {"bridges[0]", "bridges[1]"}) {
    auto path = key;
    if (auto const at = path.find("bridges[]"); at != std::string::npos)
      path.replace(at, 9, bridge);
    if (read.origins.has(path)) return true;
  }
  return contains(text, "# " + key.substr(key.rfind('.') + 1) + ": ");
}

}  // namespace

TEST_CASE("example: it loads, and it shows every key") {
  auto const text = example();
  auto const read = check_text(text);
  CHECK(read.errors() == "");
  for (auto const& key : known_keys()) {
    CAPTURE(key);
    CHECK(documents(read, text, key));
  }
}

TEST_CASE("example: the values it shows are the defaults") {
  auto read = check_text(example());
  REQUIRE(read.config.bridges.size() == 2);
  read.config.bridges.pop_back();
  Config defaults;
  auto& bridge = defaults.bridges.emplace_back();
  bridge.name = "main";
  bridge.port = 9411;
  bridge.runtime.emplace().name = "main";
  CHECK(show_config(read.config, {}) == show_config(defaults, {}));
}
