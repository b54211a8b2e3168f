#include "local/element_action.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "local/element_gestures.hpp"
#include "local/keyboard.hpp"

namespace bridge::local {
namespace {

// How many arguments each method must have.
struct Method {
  std::string_view name;
  std::size_t arguments;
};
constexpr std::array kMethods{
    Method{"click", 0},        Method{"doubleClick", 0}, Method{"rightClick", 0},
    Method{"hover", 0},        Method{"focus", 0},       Method{"fill", 1},
    Method{"clear", 0},        Method{"type", 1},        Method{"press", 1},
    Method{"selectOption", 1}, Method{"check", 0},       Method{"uncheck", 0},
    Method{"scroll", 1},       Method{"scrollTo", 1},    Method{"scrollIntoView", 0},
    Method{"nextChunk", 0},    Method{"prevChunk", 0},   Method{"dragAndDrop", 1},
};

// As Stagehand and Playwright call them as well.
struct Alias {
  std::string_view name;
  std::string_view means;
};
constexpr std::array kAliases{
    Alias{"dblclick", "doubleClick"},
    Alias{"mouse.wheel", "scroll"},
    Alias{"wheel", "scroll"},
    Alias{"scrollByPixelOffset", "scroll"},
    Alias{"scrollIntoViewIfNeeded", "scrollIntoView"},
    Alias{"selectOptionFromDropdown", "selectOption"},
    Alias{"dragTo", "dragAndDrop"},
    Alias{"pressSequentially", "type"},
};

Method const* method_named(std::string_view name) {
  for (auto const& alias : kAliases)
    if (alias.name == name) name = alias.means;
  for (auto const& method : kMethods)
    if (method.name == name) return &method;
  return nullptr;
}

std::optional<Problem> check_arguments(ElementAction const& action) {
  constexpr auto kField = "stagehandAction.arguments";
  auto const& arguments = action.arguments;
  if (action.method == "press" && !parse_chord(arguments.front()))
    return Problem::invalid(kField, "arguments[0] must be a key, such as Enter or Control+A.");
  if (action.method == "scroll" || action.method == "scrollTo")
    for (auto const& argument : arguments)
      if (!read_number(argument))
        return Problem::invalid(kField, "arguments must be numbers of pixels, or a percentage.");
  auto const clicks = action.method.ends_with("lick");
  if (clicks && !arguments.empty() && arguments.front() != "left" && arguments.front() != "right" &&
      arguments.front() != "middle")
    return Problem::invalid(kField, "arguments[0] must be left, right or middle.");
  return std::nullopt;
}

std::string trimmed(std::string_view text) {
  auto const first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\n") - first + 1));
}

bool is_xpath(std::string_view selector) {
  return selector.starts_with("xpath=") || selector.starts_with('/') || selector.starts_with('(');
}

// Where the predicate or the quoted text that begins at `at` ends; `at` itself when none begins.
std::size_t end_of_inner(std::string_view path, std::size_t at) {
  int depth = 0;
  for (auto end = at; end < path.size(); ++end) {
    char const c = path[end];
    if (c == '"' || c == '\'') end = std::min(path.find(c, end + 1), path.size() - 1);
    if (c == '[') ++depth;
    if (c == ']') --depth;
    if (depth <= 0) return end;
  }
  return path.size() - 1;
}

bool is_frame_step(std::string_view rest) {
  constexpr std::string_view kFrame = "iframe";
  if (!rest.starts_with(kFrame)) return false;
  constexpr std::string_view kBehindName = "/[) \t\n";
  return rest.size() == kFrame.size() ||
         kBehindName.find(rest[kFrame.size()]) != std::string_view::npos;
}

// An XPath goes on behind an iframe as if the document in there were part of the page's.
void split_xpath(std::string const& selector, std::vector<std::string>& parts) {
  std::size_t begin = selector.starts_with("xpath=") ? 6 : 0;
  bool in_frame = false;
  for (auto at = begin; at < selector.size(); ++at) {
    at = end_of_inner(selector, at);
    if (selector[at] != '/') continue;
    if (in_frame) {
      parts.push_back("xpath=" + selector.substr(begin, at - begin));
      begin = at;
    }
    in_frame = is_frame_step(std::string_view(selector).substr(at + 1));
  }
  parts.push_back("xpath=" + selector.substr(begin));
}

}  // namespace

Outcome<ElementAction> read_element_action(Json const& given) {
  ElementAction action;
  action.selector = trimmed(given.at("selector").get<std::string>());
  action.description = given.at("description").get<std::string>();
  if (action.selector.empty())
    return Problem::invalid("stagehandAction.selector",
                            "stagehandAction.selector must name an "
                            "element.");
  auto const* const method = method_named(given.value("method", "click"));
  if (method == nullptr) {
    std::string known;
    for (auto const& one : kMethods)
      known += fmt::format("{}{}", known.empty() ? "" : ", ", one.name);
    return Problem::invalid("stagehandAction.method",
                            fmt::format("stagehandAction.method must be one of {}.", known));
  }
  action.method = method->name;
  if (auto const arguments = given.find("arguments"); arguments != given.end())
    action.arguments = arguments->get<std::vector<std::string>>();
  if (action.arguments.size() < method->arguments)
    return Problem::invalid("stagehandAction.arguments",
                            fmt::format("{} takes an argument.", action.method));
  if (auto problem = check_arguments(action)) return std::move(*problem);
  return action;
}

Json to_json(ElementAction const& action) {
  return Json{{"selector", action.selector},
              {"description", action.description},
              {"method", action.method},
              {"arguments", action.arguments}};
}

std::vector<std::string> split_selector(std::string_view selector) {
  constexpr std::string_view kInto = " >> ";
  std::vector<std::string> parts;
  for (;;) {
    auto const end = selector.find(kInto);
    auto const part = trimmed(selector.substr(0, end));
    if (is_xpath(part))
      split_xpath(part, parts);
    else
      parts.push_back(part);
    if (end == std::string_view::npos) return parts;
    selector.remove_prefix(end + kInto.size());
  }
}

awaitable<Result<std::optional<Obstacle>>> perform(BrowserPage& page, ElementAction action,
                                                   Duration patience) {
  Gestures gestures(page, patience);
  auto done = co_await gestures.act(action);
  if (done) co_return std::optional<Obstacle>();
  if (auto obstacle = gestures.obstacle()) co_return std::move(obstacle);
  co_return done.error();
}

}  // namespace bridge::local
