#include "base/secret.hpp"

#include <doctest/doctest.h>

#include <string>

#include "base/log.hpp"

namespace bridge {

TEST_CASE("secret: printing yields a mask, reveal the text") {
  Secret const key("bctrl_canary_0123456789abcd");
  CHECK(key.reveal() == "bctrl_canary_0123456789abcd");
  CHECK(key.masked() == "***abcd");
  CHECK(fmt::format("{}", key) == "***abcd");
  CHECK(fmt::format("[{:>9}]", key) == "[  ***abcd]");
}

TEST_CASE("secret: of a short text not even the end is shown") {
  CHECK(Secret("fifteen-chars-x").masked() == "***");
  CHECK(Secret("sixteen-chars-xy").masked() == "***s-xy");
  CHECK(Secret("").masked().empty());
  CHECK(Secret().empty());
  CHECK(Secret().masked().empty());
}

TEST_CASE("secret: once made, its text is masked in every line, copies or not") {
  std::string const canary = "canary-secret-made-4711";
  CHECK(log::redact("x " + canary + " y") == "x " + canary + " y");
  {
    Secret const key(canary);
    auto const copy = key;
    CHECK(copy == key);
  }
  CHECK(log::redact("x " + canary + " y") == "x *** y");
}

TEST_CASE("secret: values compare") {
  CHECK(Secret("one-secret-value") == Secret("one-secret-value"));
  CHECK(Secret("one-secret-value") != Secret("two-secret-value"));
}

}  // namespace bridge
