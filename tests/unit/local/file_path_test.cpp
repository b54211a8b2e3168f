#include "local/file_path.hpp"

#include <doctest/doctest.h>

using namespace bridge::local;

TEST_CASE("file path: what leads elsewhere, or nowhere, is refused") {
  for (std::string const path : {"a", "a/b/c.txt", "..a/b..", ".hidden", "ü/日本.txt", "a b/c"}) {
    CAPTURE(path);
    CHECK_FALSE(check_path(path, "path", kStoragePath));
  }
  for (std::string const path : {"", "/", "/etc/passwd", "a/", "a//b", ".", "..", "../a", "a/../b",
                                 "a/.", "a\\b", "a\nb", "a\x7f", "\xff\xfe"}) {
    CAPTURE(path);
    auto const problem = check_path(path, "path", kStoragePath);
    REQUIRE(problem);
    CHECK(problem->status == 400);
    CHECK(problem->code == "storage_file.path_invalid");
    CHECK(problem->details == R"({"field":"path"})");
  }
  CHECK(check_path(std::string("a\0b", 3), "path", kStoragePath));
}

TEST_CASE("file path: paths and names have the lengths that file systems have") {
  std::string const longest(kNameMax, 'n');
  CHECK_FALSE(check_path(longest + "/" + longest, "path", kStoragePath));
  CHECK(check_path("a/" + longest + "n", "path", kStoragePath));
  std::string deep = "d";
  while (deep.size() + 2 <= kPathMax) deep += "/d";
  CHECK_FALSE(check_path(deep, "path", kStoragePath));
  CHECK(check_path(deep + "/d", "path", kStoragePath));
}

TEST_CASE("file path: a name is one segment") {
  CHECK_FALSE(check_name("a.txt", "name", kRuntimePath));
  for (std::string const name : {"", "a/b", "..", ".", "a\tb"}) {
    CAPTURE(name);
    auto const problem = check_name(name, "name", kRuntimePath);
    REQUIRE(problem);
    CHECK(problem->code == "runtime_file.path_invalid");
  }
  CHECK(check_name(std::string(kNameMax + 1, 'n'), "name", kRuntimePath));
}

TEST_CASE("file path: any name can be tamed, and is then a proper one") {
  CHECK(tame_name("report.pdf") == "report.pdf");
  CHECK(tame_name("a/b/../c.txt") == "c.txt");
  CHECK(tame_name("a\\b\nc") == "a_b_c");
  for (std::string const name : {"", ".", "..", "x/", "\xff"}) CHECK(tame_name(name) == "file");
  // Cut between characters, not in one.
  std::string wide;
  while (wide.size() <= kNameMax) wide += "é";
  auto const tamed = tame_name(wide);
  CHECK(tamed.size() == kNameMax - 1);
  CHECK_FALSE(check_name(tamed, "name", kStoragePath));
}

TEST_CASE("file path: a number goes in front of the extension, and fits") {
  CHECK(numbered_path("a/b.txt", 2) == "a/b (2).txt");
  CHECK(numbered_path("b", 12) == "b (12)");
  CHECK(numbered_path("a.b/.profile", 2) == "a.b/.profile (2)");
  auto const numbered = numbered_path("d/" + std::string(kNameMax - 4, 'n') + ".txt", 100);
  CHECK(numbered.ends_with("n (100).txt"));
  CHECK(last_segment(numbered).size() == kNameMax);
}

TEST_CASE("file path: segments") {
  CHECK(segments_of("a/b/c") == std::vector<std::string>{"a", "b", "c"});
  CHECK(segments_of("a") == std::vector<std::string>{"a"});
  CHECK(last_segment("a/b") == "b");
  CHECK(last_segment("b") == "b");
}
