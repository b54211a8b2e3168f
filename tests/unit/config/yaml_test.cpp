#include "config/yaml.hpp"

#include <doctest/doctest.h>

#include "support.hpp"

using namespace bridge::config;

namespace {

struct Parsed {
  std::optional<yaml::Value> tree;
  std::string errors;
};

Parsed parsed(std::string_view text) {
  Problems problems;
  auto tree = yaml::parse(text, "f.yaml", problems);
  return {.tree = std::move(tree), .errors = problems.text()};
}

}  // namespace

TEST_CASE("yaml: a tree keeps places, quotes and the order of keys") {
  auto const [tree, errors] = parsed("b: 1\na:\n  - \"2\"\n  - x: ~\nempty:\n\nlast: 'q'\n");
  CHECK(errors.empty());
  REQUIRE(tree);
  REQUIRE(tree->children.size() == 4);
  auto const& b = tree->children[0];
  CHECK(b.key == "b");
  CHECK(b.text == "1");
  CHECK(b.plain);
  CHECK(b.place.line == 1);
  CHECK(b.place.column == 4);
  auto const& list = tree->children[1];
  CHECK(list.kind == yaml::Value::Kind::list);
  CHECK(!list.children[0].plain);
  CHECK(list.children[1].children[0].kind == yaml::Value::Kind::null);
  auto const& empty = tree->children[2];
  CHECK(empty.kind == yaml::Value::Kind::null);
  CHECK(empty.place.line == 5);
  CHECK(empty.place.column == 1);
}

TEST_CASE("yaml: an empty text and a byte order mark are fine") {
  CHECK(parsed("").tree->kind == yaml::Value::Kind::null);
  CHECK(parsed("# nothing\n").tree->kind == yaml::Value::Kind::null);
  CHECK(parsed("\xef\xbb\xbf"
               "a: 1\n")
            .tree->children[0]
            .key == "a");
  CHECK(parsed("a: 1\r\nb: 2\r\n").tree->children[1].text == "2");
  CHECK(parsed("---\na: 1\n...\n").errors.empty());
}

TEST_CASE("yaml: what is refused, and where") {
  struct {
    std::string name;
    std::string text;
    std::string errors;
  } const rows[] = {
      {"duplicate key", "a: 1\nb:\n  c: 1\n  c: 2\na: 3\n",
       "f.yaml:4:3: the key \"c\" appears twice, first on line 3; keep one\n"
       "f.yaml:5:1: the key \"a\" appears twice, first on line 1; keep one"},
      {"anchor and alias", "a: &x 1\nb: *x\n",
       "f.yaml:1:4: anchors (&name) are not supported; write the value out\n"
       "f.yaml:2:4: aliases (*name) are not supported; write the value out"},
      {"tag", "a: !!str 1\n", "f.yaml:1:4: tags (!name) are not supported; remove the tag"},
      {"second document", "a: 1\n---\nb: 2\n",
       "f.yaml:2:1: a second document (---); the file holds one"},
      {"complex key", "{{ x }}: 1\n",
       "f.yaml:1:1: a key must be a word; quote values that begin with { or ["},
      {"null key", "~: 1\n",
       "f.yaml:1:1: a key must be a word; quote values that begin with { or ["},
      {"invalid UTF-8", "a: 1\nb: x\xff\n",
       "f.yaml:2:5: not UTF-8 text; save the file as UTF-8 without control characters"},
      {"overlong UTF-8", "a: \xc0\xaf",
       "f.yaml:1:4: not UTF-8 text; save the file as UTF-8 without control characters"},
      {"a cut sequence", "\xe2\x82",
       "f.yaml:1:1: not UTF-8 text; save the file as UTF-8 without control characters"},
      {"surrogate", "a: \xed\xa0\x80",
       "f.yaml:1:4: not UTF-8 text; save the file as UTF-8 without control characters"},
      {"NUL", std::string("a: \0b", 5),
       "f.yaml:1:4: not UTF-8 text; save the file as UTF-8 without control characters"},
      {"tab", "a:\n\tb: 1\n",
       "f.yaml:2:3: not valid YAML (illegal map value); indent with spaces, not tabs"},
      {"open list", "a: [1\n",
       "f.yaml:2:1: not valid YAML (end of sequence flow not found); check the indentation, and "
       "quote "
       "values that hold : # { } [ ] & * ! @"},
  };
  for (auto const& row : rows) {
    CAPTURE(row.name);
    CHECK(parsed(row.text).errors == row.errors);
  }
}

TEST_CASE("yaml: a syntax error does not repeat the text") {
  CHECK(!contains(parsed("a: *canary-secret\n").errors, "canary"));
  CHECK(!contains(parsed("%YAML canary-secret\n---\na: 1\n").errors, "canary"));
  CHECK(!contains(parsed("a: \"\\canary\"\n").errors, "canary"));
  CHECK(!contains(parsed("a: canary: x\n").errors, "canary"));
}

TEST_CASE("yaml: nesting is bounded") {
  auto const nested = [](std::size_t depth) {
    return parsed("a: " + std::string(depth, '[') + "1" + std::string(depth, ']') + "\n").errors;
  };
  CHECK(nested(31) == "");
  CHECK(nested(32) == "f.yaml:1:35: nested too deeply");
  CHECK(nested(5000) == "f.yaml:1:35: nested too deeply");
  std::string blocks;
  for (std::size_t i = 0; i < 200; ++i) blocks += std::string(i, ' ') + "a:\n";
  CHECK(parsed(blocks).errors == "f.yaml:33:33: nested too deeply");
}
