#include "local/timezone.hpp"

#include <doctest/doctest.h>

#include <filesystem>

using bridge::local::is_timezone;

TEST_CASE("timezone: the names of the database are known, and nothing else is") {
  for (auto const name :
       {"UTC", "Europe/Berlin", "Asia/Tokyo", "Etc/GMT+5", "America/Argentina/Buenos_Aires"}) {
    CAPTURE(name);
    CHECK(is_timezone(name));
  }
  for (auto const name : {"", "/etc/passwd", "../UTC", "Europe/../UTC", "Europe Berlin", "/UTC",
                          "posix/UTC", "right/UTC", "posixrules"}) {
    CAPTURE(name);
    CHECK_FALSE(is_timezone(name));
  }
  if (!std::filesystem::exists("/usr/share/zoneinfo/UTC"))
    return;  // all that looks like one is one
  for (auto const name : {"Mars/Phobos", "Europe", "Europe/", "europe/berlin", "tzdata"}) {
    CAPTURE(name);
    CHECK_FALSE(is_timezone(name));
  }
}
