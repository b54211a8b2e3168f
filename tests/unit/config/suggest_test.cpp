#include "config/suggest.hpp"

#include <doctest/doctest.h>

using namespace bridge::config;

TEST_CASE("suggest: a word at most two letters off is found, the nearest first") {
  std::vector<std::string_view> const keys{"id",       "name",          "port",
                                           "upstream", "allowed_hosts", "start"};
  CHECK(nearest_word("prot", keys) == "port");
  CHECK(nearest_word("upsteam", keys) == "upstream");
  CHECK(nearest_word("allowed-host", keys) == "allowed_hosts");
  CHECK(nearest_word("nmae", keys) == "name");
  CHECK(nearest_word("names", keys) == "name");
  CHECK(nearest_word("hostnames", keys).empty());
  CHECK(nearest_word("", keys).empty());
  CHECK(nearest_word(std::string(1 << 20, 'a'), keys).empty());
}

TEST_CASE("suggest: half of a short word must stay") {
  CHECK(nearest_word("xy", {"id"}).empty());
  CHECK(nearest_word("ix", {"id"}) == "id");
}

TEST_CASE("suggest: quoting escapes control characters and cuts long texts at a whole character") {
  CHECK(quoted("a b") == "\"a b\"");
  CHECK(quoted("a\nb\x1b[0m") == "\"a\\x0ab\\x1b[0m\"");
  CHECK(quoted(std::string(59, 'a') + "\xc3\xa9 tail") == "\"" + std::string(59, 'a') + "...\"");
}
