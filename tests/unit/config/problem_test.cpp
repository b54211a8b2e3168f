#include "config/problem.hpp"

#include <doctest/doctest.h>

#include "support.hpp"

using namespace bridge::config;

TEST_CASE("problem: the first at a place is kept, and the order is the file's") {
  Problems problems;
  problems.add(Origin::file("f", 3, 1), "c");
  problems.add(Origin::file("f", 1, 9), "b");
  problems.add(Origin::file("f", 1, 2), "a");
  problems.add(Origin::file("f", 3, 1), "follows from c");
  problems.add(Origin::flag("--x"), "flag");
  problems.add(Origin::file("f", 0, 0), "whole file");
  problems.sort();
  CHECK(problems.text() == "--x: flag\nf: whole file\nf:1:2: a\nf:1:9: b\nf:3:1: c");
}

TEST_CASE("problem: past fifty they are counted") {
  Problems problems;
  for (int line = 1; line <= 60; ++line) problems.add(Origin::file("f", line, 1), "x");
  CHECK(problems.list().size() == 50);
  CHECK(problems.text().ends_with("f:50:1: x\nand 10 more"));
}

TEST_CASE("origin: a missing key points to the nearest section that is there") {
  Origins origins;
  origins.set("bridges", Origin::file("f", 1, 1));
  origins.set("bridges[1]", Origin::file("f", 5, 3));
  CHECK(origins.nearest("bridges[1].runtime.name").place() == "f:5:3");
  CHECK(origins.nearest("bridges[0].name").place() == "f:1:1");
  CHECK(origins.nearest("api.timeout").place() == "");
  CHECK(origins.of("bridges[1].name").text() == "default");
}
