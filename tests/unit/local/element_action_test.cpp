#include "local/element_action.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "local/keyboard.hpp"
#include "local/output_schema.hpp"

using namespace bridge::local;

namespace {

std::string method_of(std::string const& name, std::vector<std::string> const& arguments = {"1"}) {
  auto const action = read_element_action(
      Json{{"selector", "a"}, {"description", "d"}, {"method", name}, {"arguments", arguments}});
  return action ? action->method : "refused: " + action.error().message;
}

}  // namespace

TEST_CASE("element action: methods go by the names that Stagehand and Playwright have for them") {
  CHECK(method_of("click", {}) == "click");
  CHECK(method_of("dblclick", {}) == "doubleClick");
  CHECK(method_of("selectOptionFromDropdown") == "selectOption");
  CHECK(method_of("mouse.wheel") == "scroll");
  CHECK(method_of("click", {"right"}) == "click");
  CHECK(method_of("click", {"fourth"}).starts_with("refused"));
  CHECK(method_of("scrollTo", {"50%"}) == "scrollTo");
  CHECK(method_of("scrollTo", {"half"}).starts_with("refused"));
  CHECK(method_of("fill", {}).starts_with("refused"));
  CHECK(method_of("evaluate", {"1"}).starts_with("refused"));
}

TEST_CASE("element action: a selector goes into frames, as CSS with >> and as one XPath") {
  using Parts = std::vector<std::string>;
  CHECK(split_selector("#a") == Parts{"#a"});
  CHECK(split_selector("iframe#pay >> css=input") == Parts{"iframe#pay", "css=input"});
  CHECK(split_selector("/html/body/iframe[1]/html/body/input[1]") ==
        Parts{"xpath=/html/body/iframe[1]", "xpath=/html/body/input[1]"});
  CHECK(split_selector("xpath=//a") == Parts{"xpath=//a"});
  CHECK(split_selector("//iframe") == Parts{"xpath=//iframe"});
  CHECK(split_selector("//iframe//input") == Parts{"xpath=//iframe", "xpath=//input"});
  CHECK(split_selector("(//iframe)[2]/html") == Parts{"xpath=(//iframe)[2]", "xpath=/html"});
  // What only looks like a step into a frame.
  CHECK(split_selector("//iframe[contains(@src,'/pay')]//input") ==
        Parts{"xpath=//iframe[contains(@src,'/pay')]", "xpath=//input"});
  CHECK(split_selector("//iframe[a[1]/iframe/b]/c") ==
        Parts{"xpath=//iframe[a[1]/iframe/b]", "xpath=/c"});
  CHECK(split_selector("/iframe-box[1]/a") == Parts{"xpath=/iframe-box[1]/a"});
  CHECK(split_selector("//a[@b='/iframe/']/c") == Parts{"xpath=//a[@b='/iframe/']/c"});
  CHECK(split_selector("//iframe['/a") == Parts{"xpath=//iframe['/a"});
  std::string const deep = "//a" + std::string(1U << 20, '[');
  CHECK(split_selector(deep) == Parts{"xpath=" + deep});
}

TEST_CASE("keyboard: a chord holds its modifiers down, and types nothing but by Shift") {
  auto const control_a = key_events(*parse_chord("Control+a"));
  REQUIRE(control_a.size() == 4);
  CHECK(control_a[0].at("key") == "Control");
  CHECK(control_a[1].at("modifiers") == 2);
  CHECK_FALSE(control_a[1].contains("text"));
  CHECK(control_a[3].at("modifiers") == 0);
  auto const shift_a = key_events(*parse_chord("Shift+a"));
  CHECK(shift_a[1].at("text") == "A");
  CHECK(parse_chord("+")->key.code == "Equal");
  CHECK(parse_chord("Control++")->key.code == "Equal");
  CHECK(parse_chord("Esc")->key.key == "Escape");
  CHECK(parse_chord("F12")->key.virtual_code == 123);
  CHECK_FALSE(parse_chord("Hyper+a"));
  CHECK_FALSE(parse_chord("a+b"));
  CHECK_FALSE(parse_chord(""));
  CHECK_FALSE(find_key("\xc3\xa9"));
  CHECK(find_key("\n")->key == "Enter");
}

TEST_CASE("output schema: one that cannot be used says why, one that can is applied") {
  auto const problem = [](char const* text) { return problem_of_schema(Json::parse(text)); };
  CHECK(problem(R"({"type":7})"));
  CHECK(problem(R"({"$ref":"#/nowhere"})"));
  CHECK(problem(R"({"$ref":"#"})"));
  CHECK(problem(R"({"$ref":"https://elsewhere"})"));
  CHECK(problem(R"({"properties":{"a":{"items":5}}})"));
  CHECK_FALSE(problem(R"({})"));
  // It leads back to itself, but through a member: every turn consumes some of the value.
  constexpr auto kTree = R"({"type":"object","properties":{"next":{"$ref":"#"}}})";
  CHECK_FALSE(problem(kTree));
  auto const tree = Json::parse(kTree);
  CHECK_FALSE(mismatch_of(Json::parse(R"({"next":{"next":{}}})"), tree));
  CHECK(mismatch_of(Json::parse(R"({"next":{"next":1}})"), tree));
  // A regular expression could exhaust the stack.
  auto const pattern = Json::parse(R"({"type":"string","pattern":"^a+$"})");
  CHECK_FALSE(mismatch_of("b", pattern));
  CHECK(mismatch_of(1, pattern));
}

TEST_CASE("output schema: one whose parts are named over and over is too large, at once") {
  auto const chain = [](int links) {
    auto schema = Json{{"$ref", "#/n0"}};
    for (int i = 0; i < links; ++i) {
      Json const next{{"$ref", "#/n" + std::to_string(i + 1)}};
      schema["n" + std::to_string(i)] = Json{{"allOf", Json::array({next, next})}};
    }
    schema["n" + std::to_string(links)] = Json{{"type", "number"}};
    return schema;
  };
  auto const wrong = problem_of_schema(chain(31));
  REQUIRE(wrong.has_value());
  CHECK(*wrong == "it is too large");
  // Each of many items means thousands of visits, though the schema alone is fine.
  auto const fine = Json{{"items", Json{{"$ref", "#/n0"}}}};
  auto many = chain(10);
  many.erase("$ref");
  many.update(fine);
  CHECK_FALSE(problem_of_schema(many));
  CHECK_FALSE(mismatch_of(Json(std::vector<int>(10, 1)), many));
  CHECK(mismatch_of(Json(std::vector<int>(100'000, 1)), many)->find("too large") !=
        std::string::npos);
}

TEST_CASE("output schema: a pattern is text, and one that is only a value stays one") {
  CHECK(problem_of_schema(Json::parse(R"({"type":"string","pattern":5})")));
  CHECK_FALSE(problem_of_schema(Json::parse(R"({"properties":{"pattern":{"type":"string"}}})")));
  for (auto const* const text : {R"({"enum":[{"pattern":"x"}]})", R"({"const":{"pattern":"x"}})"}) {
    CAPTURE(text);
    auto const schema = Json::parse(text);
    CHECK_FALSE(mismatch_of(Json{{"pattern", "x"}}, schema));
    CHECK(mismatch_of(Json::object(), schema));
  }
}
