#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "fake_browser.hpp"

namespace bridge::test {

/// What a FakeDevtools answers so that it looks like a browser with one page. The page's script
/// is not run: `asks` says what its functions return.
class FakePage {
 public:
  using Json = nlohmann::json;

  explicit FakePage(FakeDevtools& devtools) : devtools_(devtools) {
    devtools.answer = [this](Json const& command) { return answer(command); };
    asks["inspect"] =
        Json{{"ok", true}, {"name", "<button>"}, {"x", 10}, {"y", 20}, {"box", {0, 0, 20, 40}}};
    asks["text"] = Json{{"text", "Hello"}, {"cut", false}};
    asks["captcha"] = nullptr;
  }

  std::map<std::string, Json> asks;
  /// Commands that get no answer.
  std::set<std::string> silent;
  /// Commands that fail so many times first.
  std::map<std::string, int> failing;
  /// A frame in a process of its own, which "find" finds.
  std::string foreign_frame;

  [[nodiscard]] std::size_t heard(std::string_view method) const {
    std::size_t count = 0;
    for (auto const& command : devtools_.heard)
      if (command.at("method") == method) ++count;
    return count;
  }

  /// Those of a method that have this parameter.
  [[nodiscard]] std::size_t heard(std::string_view method, char const* name,
                                  Json const& value) const {
    std::size_t count = 0;
    for (auto const& command : devtools_.heard)
      if (command.at("method") == method && command.at("params").value(name, Json()) == value)
        ++count;
    return count;
  }
  /// An event of the page's session.
  void say(std::string_view method, Json params) {
    devtools_.say_json({{"method", method}, {"sessionId", "S1"}, {"params", std::move(params)}});
  }

 private:
  Json answer(Json const& command) {
    auto const method = command.at("method").get<std::string>();
    if (silent.contains(method)) return nullptr;
    auto const result = [](Json value) { return Json{{"result", std::move(value)}}; };
    auto const failure = [](char const* words) {
      return Json{{"error", {{"code", -32000}, {"message", words}}}};
    };
    if (auto const left = failing.find(method); left != failing.end() && left->second-- > 0)
      return failure("Cannot find context with specified id");
    auto const& params = command.value("params", Json::object());
    bool const foreign = !foreign_frame.empty();
    if (method == "Target.getTargets")
      return result({{"targetInfos", {{{"targetId", "T1"}, {"type", "page"}}}}});
    if (method == "Target.createTarget") return result({{"targetId", "T2"}});
    if (method == "Target.attachToTarget")
      return result(
          {{"sessionId", foreign && params.at("targetId") == foreign_frame ? "S2" : "S1"}});
    if (foreign && method == "Page.createIsolatedWorld" && params.at("frameId") == foreign_frame &&
        command.at("sessionId") == "S1")
      return failure("No frame for given id found");
    if (method == "DOM.describeNode") return result({{"node", {{"frameId", foreign_frame}}}});
    if (foreign && method == "Runtime.evaluate" && !params.contains("returnByValue"))
      return result({{"result", {{"objectId", "O1"}}}});
    if (method == "Page.getFrameTree") return result({{"frameTree", {{"frame", {{"id", "F1"}}}}}});
    if (method == "Page.createIsolatedWorld") return result({{"executionContextId", 7}});
    if (method == "Runtime.evaluate") return result({{"result", {{"value", asked(command)}}}});
    return result(Json::object());
  }

  // The call stands behind the script: "(script).text("css=a")".
  Json asked(Json const& command) const {
    auto const expression = command.at("params").at("expression").get<std::string>();
    for (auto const& [function, value] : asks)
      if (expression.rfind(")." + function + "(") != std::string::npos) return value;
    return nullptr;
  }

  FakeDevtools& devtools_;
};

}  // namespace bridge::test
