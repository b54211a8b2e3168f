#include "config/units.hpp"

#include <doctest/doctest.h>

#include <cstdint>

using namespace bridge::config;
using namespace std::chrono_literals;

TEST_CASE("units: durations are whole numbers with one unit") {
  struct {
    std::string text;
    std::optional<std::chrono::milliseconds> value;
  } const rows[] = {
      {"250ms", 250ms},
      {"10s", 10s},
      {"5m", 5min},
      {"1h", 1h},
      {"0s", 0ms},
      {"90m", 90min},
      {"", std::nullopt},
      {"10", std::nullopt},
      {"s", std::nullopt},
      {"-1s", std::nullopt},
      {"+1s", std::nullopt},
      {"1.5s", std::nullopt},
      {"10 s", std::nullopt},
      {" 10s", std::nullopt},
      {"1m30s", std::nullopt},
      {"1d", std::nullopt},
      {"10S", std::nullopt},
      {"99999999999999999999s", std::nullopt},
      {"9223372036854775807h", std::nullopt},
  };
  for (auto const& row : rows) {
    CAPTURE(row.text);
    CHECK(parse_duration(row.text) == row.value);
  }
}

TEST_CASE("units: sizes are bytes or have a binary unit") {
  struct {
    std::string text;
    std::optional<std::size_t> value;
  } const rows[] = {
      {"64MiB", 64ULL << 20},
      {"512KiB", 512ULL << 10},
      {"1GiB", 1ULL << 30},
      {"4096", 4096},
      {"0", 0},
      {"", std::nullopt},
      {"64MB", std::nullopt},
      {"64M", std::nullopt},
      {"64 MiB", std::nullopt},
      {"64mib", std::nullopt},
      {"1.5MiB", std::nullopt},
      {"0x10", std::nullopt},
      {"-1", std::nullopt},
      {"9223372036854775807GiB", std::nullopt},
  };
  for (auto const& row : rows) {
    CAPTURE(row.text);
    CHECK(parse_size(row.text) == row.value);
  }
}

TEST_CASE("units: printing takes the largest exact unit and can be read again") {
  CHECK(print_duration(90s) == "90s");
  CHECK(print_duration(120s) == "2m");
  CHECK(print_duration(24h) == "24h");
  CHECK(print_duration(1500ms) == "1500ms");
  CHECK(print_duration(0ms) == "0ms");
  CHECK(print_size(64ULL << 20) == "64MiB");
  CHECK(print_size(1536) == "1536");
  CHECK(print_size(0) == "0");
  for (auto const ms : {1, 999, 60'000, 61'000, 3'600'000})
    CHECK(parse_duration(print_duration(std::chrono::milliseconds(ms)))->count() == ms);
}
