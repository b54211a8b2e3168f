#include "config/diff.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/fields.hpp"

namespace bridge::config {
namespace {

// The same walk over both: each_field() visits members of one type in one order.
class Walk {
 public:
  template <Section S>
  static std::vector<std::string> differences(S const& left, S const& right) {
    Walk walk;
    walk.remember(left);
    walk.compare(right, "");
    return std::move(walk.found_);
  }

 private:
  template <Section S>
  void remember(S const& section) {
    each_field(section, [this](std::string_view, auto const& member, Form = Form::plain) {
      if constexpr (Section<std::remove_cvref_t<decltype(member)>>)
        remember(member);
      else
        left_.push_back(&member);
    });
  }

  template <Section S>
  void compare(S const& section, std::string const& path) {
    each_field(section, [&](std::string_view key, auto const& member, Form = Form::plain) {
      using Member = std::remove_cvref_t<decltype(member)>;
      auto where = path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
      if constexpr (Section<Member>)
        compare(member, where);
      else
        compare_one(*static_cast<Member const*>(left_[next_++]), member, std::move(where));
    });
  }

  template <class T>
  void compare_one(T const& left, T const& right, std::string where) {
    if (left != right) found_.push_back(std::move(where));
  }
  // What a runtime is created with makes it no other runtime.
  void compare_one(std::optional<RuntimeRef> const& left, std::optional<RuntimeRef> const& right,
                   std::string where) {
    auto const keys = left && right ? differences(*left, *right) : std::vector<std::string>();
    if (left.has_value() == right.has_value() && keys.empty()) return;
    if (keys == std::vector<std::string>{"config"}) where += ".config";
    found_.push_back(std::move(where));
  }
  // They are compared one by one.
  void compare_one(std::vector<Bridge> const&, std::vector<Bridge> const&, std::string const&) {}

  std::vector<void const*> left_;
  std::size_t next_ = 0;
  std::vector<std::string> found_;
};

Bridge const* find(Config const& config, std::string const& name) {
  auto const at = std::find_if(config.bridges.begin(), config.bridges.end(),
                               [&](Bridge const& bridge) { return bridge.name == name; });
  return at == config.bridges.end() ? nullptr : &*at;
}

template <std::size_t N>
bool is_one_of(std::string const& key, std::array<std::string_view, N> const& keys) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

}  // namespace

Diff diff(Config const& running, Config const& wanted) {
  constexpr std::array<std::string_view, 2> kReplacing{"runtime", "upstream"};
  constexpr std::array<std::string_view, 3> kOfDaemon{"log.level", "log.format", "drain"};
  Diff out;
  for (auto& key : Walk::differences(running, wanted))
    (is_one_of(key, kOfDaemon) ? out.keys : out.fixed).push_back(std::move(key));
  for (auto const& bridge : wanted.bridges) {
    auto const* const before = find(running, bridge.name);
    if (before == nullptr) {
      out.bridges.push_back({bridge.name, Diff::Change::added, {}});
      continue;
    }
    auto keys = Walk::differences(*before, bridge);
    if (keys.empty()) continue;
    bool const replaced = std::any_of(keys.begin(), keys.end(),
                                      [&](auto const& key) { return is_one_of(key, kReplacing); });
    auto const change = replaced ? Diff::Change::replaced : Diff::Change::adjusted;
    out.bridges.push_back({bridge.name, change, std::move(keys)});
  }
  for (auto const& bridge : running.bridges)
    if (find(wanted, bridge.name) == nullptr)
      out.bridges.push_back({bridge.name, Diff::Change::removed, {}});
  return out;
}

std::string_view to_text(Diff::Change change) {
  switch (change) {
    case Diff::Change::added:
      return "added";
    case Diff::Change::removed:
      return "removed";
    case Diff::Change::replaced:
      return "replaced";
    case Diff::Change::adjusted:
      break;
  }
  return "adjusted";
}

}  // namespace bridge::config
