#include "local/keyboard.hpp"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

namespace bridge::local {
namespace {

struct Named {
  std::string_view name;
  std::string_view code;
  int virtual_code;
  std::string_view text;
};
constexpr std::array kNamed{
    Named{"Enter", "Enter", 13, "\r"},
    Named{"Tab", "Tab", 9, ""},
    Named{"Escape", "Escape", 27, ""},
    Named{"Backspace", "Backspace", 8, ""},
    Named{"Delete", "Delete", 46, ""},
    Named{"Insert", "Insert", 45, ""},
    Named{"Home", "Home", 36, ""},
    Named{"End", "End", 35, ""},
    Named{"PageUp", "PageUp", 33, ""},
    Named{"PageDown", "PageDown", 34, ""},
    Named{"ArrowLeft", "ArrowLeft", 37, ""},
    Named{"ArrowUp", "ArrowUp", 38, ""},
    Named{"ArrowRight", "ArrowRight", 39, ""},
    Named{"ArrowDown", "ArrowDown", 40, ""},
    Named{"Shift", "ShiftLeft", 16, ""},
    Named{"Control", "ControlLeft", 17, ""},
    Named{"Alt", "AltLeft", 18, ""},
    Named{"Meta", "MetaLeft", 91, ""},
    Named{"CapsLock", "CapsLock", 20, ""},
    Named{"ContextMenu", "ContextMenu", 93, ""},
};

struct Other {
  std::string_view name;
  std::string_view means;
};
constexpr std::array kOtherNames{
    Other{"Return", "Enter"}, Other{"Esc", "Escape"},     Other{"Space", " "},
    Other{"Ctrl", "Control"}, Other{"Cmd", "Meta"},       Other{"Command", "Meta"},
    Other{"Option", "Alt"},   Other{"Left", "ArrowLeft"}, Other{"Right", "ArrowRight"},
    Other{"Up", "ArrowUp"},   Other{"Down", "ArrowDown"}, Other{"ControlOrMeta", "Control"},
};

// Both characters of a key, plain and with Shift.
struct Printed {
  std::string_view characters;
  std::string_view code;
  int virtual_code;
};
constexpr std::array kPrinted{
    Printed{"`~", "Backquote", 192},    Printed{"-_", "Minus", 189},
    Printed{"=+", "Equal", 187},        Printed{"[{", "BracketLeft", 219},
    Printed{"]}", "BracketRight", 221}, Printed{"\\|", "Backslash", 220},
    Printed{";:", "Semicolon", 186},    Printed{"'\"", "Quote", 222},
    Printed{",<", "Comma", 188},        Printed{".>", "Period", 190},
    Printed{"/?", "Slash", 191},        Printed{" ", "Space", 32},
};
constexpr std::string_view kDigitsShifted = ")!@#$%^&*(";

int modifier_of(std::string_view key) {
  if (key == "Alt") return 1;
  if (key == "Control") return 2;
  if (key == "Meta") return 4;
  return key == "Shift" ? 8 : 0;
}

std::optional<Key> typed(char c) {
  std::string const text(1, c);
  bool const lower = c >= 'a' && c <= 'z';
  if (lower || (c >= 'A' && c <= 'Z')) {
    char const upper = lower ? static_cast<char>(c - 'a' + 'A') : c;
    return Key{text, fmt::format("Key{}", upper), upper, text};
  }
  auto digit = kDigitsShifted.find(c);
  if (c >= '0' && c <= '9') digit = static_cast<std::size_t>(c - '0');
  if (digit != std::string_view::npos)
    return Key{text, fmt::format("Digit{}", digit), static_cast<int>('0' + digit), text};
  for (auto const& printed : kPrinted)
    if (printed.characters.find(c) != std::string_view::npos)
      return Key{text, std::string(printed.code), printed.virtual_code, text};
  return std::nullopt;
}

std::optional<Key> function_key(std::string_view name) {
  for (int number = 1; number <= 12; ++number)
    if (name == fmt::format("F{}", number))
      return Key{std::string(name), std::string(name), 111 + number, ""};
  return std::nullopt;
}

Json event_of(std::string_view type, Key const& key, int modifiers) {
  return Json{{"type", type},
              {"modifiers", modifiers},
              {"key", key.key},
              {"code", key.code},
              {"windowsVirtualKeyCode", key.virtual_code}};
}

}  // namespace

std::optional<Key> find_key(std::string_view name) {
  for (auto const& other : kOtherNames)
    if (other.name == name) name = other.means;
  if (name == "\n") return find_key("Enter");
  if (name.size() == 1) return typed(name.front());
  for (auto const& named : kNamed)
    if (named.name == name)
      return Key{std::string(name), std::string(named.code), named.virtual_code,
                 std::string(named.text)};
  return function_key(name);
}

std::optional<Chord> parse_chord(std::string_view text) {
  Chord chord;
  for (;;) {
    // A plus sign alone, or at the end, is the key.
    auto const plus = text.size() > 1 ? text.find('+', 1) : std::string_view::npos;
    auto const key = find_key(text.substr(0, plus));
    if (!key) return std::nullopt;
    if (plus == std::string_view::npos) {
      chord.key = *key;
      return chord;
    }
    auto const modifier = modifier_of(key->key);
    if (modifier == 0) return std::nullopt;
    chord.modifiers |= modifier;
    chord.held.push_back(*key);
    text.remove_prefix(plus + 1);
  }
}

std::vector<Json> key_events(Chord const& chord) {
  std::vector<Json> events;
  int held = 0;
  for (auto const& key : chord.held) {
    held |= modifier_of(key.key);
    events.push_back(event_of("rawKeyDown", key, held));
  }
  auto key = chord.key;
  bool const shifted = (held & 8) != 0;
  if (shifted && key.key.size() == 1 && key.key.front() >= 'a' && key.key.front() <= 'z')
    key.key = key.text = std::string(1, static_cast<char>(key.key.front() - 'a' + 'A'));
  // With Control, Alt or Meta a key is a command and types nothing.
  bool const types = !key.text.empty() && (held & ~8) == 0;
  auto down = event_of(types ? "keyDown" : "rawKeyDown", key, held);
  if (types) down["text"] = key.text;
  // Editing commands come from the platform's menus, which nobody asks here.
  if (held == 2 && (key.key == "a" || key.key == "A"))
    down["commands"] = Json::array({"selectAll"});
  events.push_back(std::move(down));
  events.push_back(event_of("keyUp", key, held));
  for (auto at = chord.held.rbegin(); at != chord.held.rend(); ++at) {
    held &= ~modifier_of(at->key);
    events.push_back(event_of("keyUp", *at, held));
  }
  return events;
}

}  // namespace bridge::local
