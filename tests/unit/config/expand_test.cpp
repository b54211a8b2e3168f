#include "config/expand.hpp"

#include <doctest/doctest.h>

#include "support.hpp"

using namespace bridge::config;

TEST_CASE("expand: variables, defaults and dollar signs") {
  FakeEnv const env{{"NAME", "main"}, {"EMPTY", ""}, {"NESTED", "${NAME} $$"}};
  struct {
    std::string text;
    std::string value;
  } const rows[] = {
      {"", ""},
      {"plain", "plain"},
      {"${NAME}", "main"},
      {"a-${NAME}-b-${NAME}", "a-main-b-main"},
      {"${EMPTY}", ""},
      {"${EMPTY:-x}", "x"},
      {"${GONE:-x y}", "x y"},
      {"${GONE:-}", ""},
      {"${GONE:-a:-b}", "a:-b"},
      {"${NAME:-x}", "main"},
      {"$$", "$"},
      {"$${NAME}", "${NAME}"},
      {"$$$$", "$$"},
      {"${NESTED}", "${NAME} $$"},
  };
  for (auto const& row : rows) {
    CAPTURE(row.text);
    std::string out;
    CHECK(!expand(row.text, env.get(), out));
    CHECK(out == row.value);
  }
}

TEST_CASE("expand: what cannot be expanded says the way out and leaves the result alone") {
  FakeEnv const env{{"SET", "canary-value"}};
  struct {
    std::string text;
    std::string objection;
  } const rows[] = {
      {"${GONE}", "the environment variable GONE is not set; set it, or write ${GONE:-default}"},
      {"${SET}${GONE}",
       "the environment variable GONE is not set; set it, or write ${GONE:-default}"},
      {"$NAME", "write ${NAME} for a variable, $$ for a dollar sign"},
      {"cost 5$", "write ${NAME} for a variable, $$ for a dollar sign"},
      {"${NAME", "\"${\" has no closing \"}\""},
      {"${}", "a variable is written ${NAME} or ${NAME:-default}, with letters, digits and _"},
      {"${1A}", "a variable is written ${NAME} or ${NAME:-default}, with letters, digits and _"},
      {"${A B}", "a variable is written ${NAME} or ${NAME:-default}, with letters, digits and _"},
      {"${A-b}", "a variable is written ${NAME} or ${NAME:-default}, with letters, digits and _"},
  };
  for (auto const& row : rows) {
    CAPTURE(row.text);
    std::string out = "before";
    CHECK(expand(row.text, env.get(), out) == row.objection);
    CHECK(out == "before");
  }
  std::string out;
  CHECK(expand("${X}", {}, out).has_value());
}
