#include "cdp/json_fault.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

namespace bridge::cdp {
namespace {

std::string deep(std::size_t lists, std::string_view inside) {
  return fmt::format(R"({{"id":1,"method":"Browser.getVersion","params":{}{}{}}})",
                     std::string(lists, '['), inside, std::string(lists, ']'));
}

}  // namespace

// Every row was sent to Chromium 156 and answered with these words.
TEST_CASE("json_fault: Chrome's words and Chrome's positions") {
  struct Row {
    std::string_view text;
    std::string_view fault;
  };
  for (auto const& row : {
           Row{"", "no input at position 0"},
           Row{" ", "no input at position 1"},
           Row{"{", "string literal expected at position 1"},
           Row{R"({"id":1)", "comma or map end expected at position 7"},
           Row{R"({"id":1,})", "unexpected map end at position 8"},
           Row{R"({"id":1,"method":"a"}})", "unprocessed input remains at position 21"},
           Row{R"({"id":1 "method":"a"})", "comma or map end expected at position 8"},
           Row{R"({id:1})", "string literal expected at position 1"},
           Row{R"({"id":01})", "invalid token at position 6"},
           Row{"[", "no input at position 1"},
           Row{"[1", "comma or array end expected at position 2"},
           Row{R"("abc)", "invalid token at position 0"},
           Row{R"({"id":"a)", "invalid token at position 6"},
           Row{R"({"id":1,"method":"\x"})", "invalid token at position 17"},
           Row{R"({"a"})", "colon expected at position 4"},
           Row{R"({"a":})", "value expected at position 5"},
           Row{R"({"id":1,"method":"Browser.getVersion","params":{"a":1e400}})",
               "invalid number at position 52"},
           Row{"1 2", "unprocessed input remains at position 2"},
           Row{"{}x", "unprocessed input remains at position 2"},
           Row{"//x", "invalid token at position 0"},
           Row{R"({"id":1,/*c*/"method":"Browser.getVersion"})",
               "string literal expected at position 8"},
       }) {
    CAPTURE(row.text);
    CHECK(json_fault(row.text).value_or("none") == fmt::format("JSON: {}", row.fault));
  }
}

TEST_CASE("json_fault: nesting ends where Chrome's parser ends it") {
  CHECK_FALSE(json_fault(deep(299, "1")).has_value());
  CHECK_FALSE(json_fault(deep(300, "")).has_value());
  CHECK(json_fault(deep(300, "1")) == "JSON: stack limit exceeded at position 347");
  CHECK(json_fault(deep(301, "")) == "JSON: stack limit exceeded at position 347");
  CHECK(json_fault(std::string(1'000'000, '[')).has_value());
}

TEST_CASE("json_fault: JSON has none") {
  for (std::string_view const text :
       {"{}", "[]", " 1 ", R"({"a":[1,-0.5e3,"x\u0041",true,false,null,{}],"b":{"c":[]}})"}) {
    CAPTURE(text);
    CHECK_FALSE(json_fault(text).has_value());
  }
}

}  // namespace bridge::cdp
