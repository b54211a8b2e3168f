#include "local/viewer_input.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

namespace bridge::local {
namespace {

constexpr std::size_t kTextMax = 100'000;
constexpr std::size_t kNameMax = 32;

// A number within bounds whatever the viewer sends.
double number(Json const& message, char const* name, double least, double most) {
  auto const found = message.find(name);
  if (found == message.end() || !found->is_number()) return std::clamp(0.0, least, most);
  return std::clamp(found->get<double>(), least, most);
}

int whole(Json const& message, char const* name, int least, int most) {
  return static_cast<int>(number(message, name, least, most));
}

std::string text(Json const& message, char const* name, std::size_t most) {
  auto const found = message.find(name);
  if (found == message.end() || !found->is_string()) return {};
  auto const& value = found->get_ref<std::string const&>();
  return value.size() > most ? std::string() : value;
}

struct Word {
  std::string_view name;
  std::string_view means;
};

template <std::size_t kSize>
std::optional<std::string_view> meaning(std::array<Word, kSize> const& words,
                                        std::string_view name) {
  for (auto const& word : words)
    if (word.name == name) return word.means;
  return std::nullopt;
}

constexpr double kEdge = 100'000;

Json at(Json const& message) {
  return Json{{"x", number(message, "x", -kEdge, kEdge)},
              {"y", number(message, "y", -kEdge, kEdge)},
              {"modifiers", whole(message, "modifiers", 0, 15)}};
}

std::optional<PageCommand> mouse(Json const& message) {
  constexpr std::array kKinds{Word{"move", "mouseMoved"}, Word{"down", "mousePressed"},
                              Word{"up", "mouseReleased"}};
  constexpr std::array kButtons{Word{"", "none"}, Word{"left", "left"}, Word{"middle", "middle"},
                                Word{"right", "right"}};
  auto const kind = meaning(kKinds, text(message, "kind", kNameMax));
  auto const button = meaning(kButtons, text(message, "button", kNameMax));
  if (!kind || !button) return std::nullopt;
  auto params = at(message);
  params["type"] = *kind;
  params["button"] = *button;
  params["buttons"] = whole(message, "buttons", 0, 31);
  params["clickCount"] = whole(message, "clicks", 0, 3);
  return PageCommand{"Input.dispatchMouseEvent", std::move(params)};
}

std::optional<PageCommand> wheel(Json const& message) {
  auto params = at(message);
  params["type"] = "mouseWheel";
  params["deltaX"] = number(message, "dx", -kEdge, kEdge);
  params["deltaY"] = number(message, "dy", -kEdge, kEdge);
  return PageCommand{"Input.dispatchMouseEvent", std::move(params)};
}

std::optional<PageCommand> key(Json const& message) {
  auto const kind = text(message, "kind", kNameMax);
  if (kind != "down" && kind != "up") return std::nullopt;
  auto const typed = text(message, "text", kNameMax);
  auto const down = typed.empty() ? "rawKeyDown" : "keyDown";
  Json params{{"type", kind == "up" ? "keyUp" : down},
              {"key", text(message, "key", kNameMax)},
              {"code", text(message, "code", kNameMax)},
              {"windowsVirtualKeyCode", whole(message, "keyCode", 0, 255)},
              {"modifiers", whole(message, "modifiers", 0, 15)}};
  if (kind == "down" && !typed.empty()) params["text"] = typed;
  return PageCommand{"Input.dispatchKeyEvent", std::move(params)};
}

// Only where a person could go by a link: not to the files of this machine, nor into the browser.
std::optional<PageCommand> go(Json const& message) {
  auto const url = text(message, "url", kTextMax);
  bool const fine =
      url.starts_with("http://") || url.starts_with("https://") || url == "about:blank";
  if (!fine) return std::nullopt;
  return PageCommand{"Page.navigate", Json{{"url", url}}};
}

}  // namespace

std::optional<PageCommand> page_command(Json const& message) {
  auto const type = text(message, "type", kNameMax);
  if (type == "mouse") return mouse(message);
  if (type == "wheel") return wheel(message);
  if (type == "key") return key(message);
  if (type == "go") return go(message);
  if (type == "reload") return PageCommand{"Page.reload", Json::object()};
  if (type == "text")
    return PageCommand{"Input.insertText", {{"text", text(message, "text", kTextMax)}}};
  return std::nullopt;
}

}  // namespace bridge::local
