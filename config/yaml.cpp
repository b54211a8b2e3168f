#include "config/yaml.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <unordered_map>

#include "config/suggest.hpp"
#include "config/utf8.hpp"

namespace bridge::config::yaml {
namespace {

constexpr std::size_t kDeepest = 32;

Place place_of(YAML::Mark const& mark) {
  if (mark.is_null()) return {};
  return {.line = mark.line + 1, .column = mark.column + 1};
}

Value value_at(YAML::Mark const& mark, Value::Kind kind) {
  Value node;
  node.kind = kind;
  node.place = place_of(mark);
  return node;
}

/// Ends the parse from inside a yaml-cpp callback; its only way out is an exception.
struct Refused {
  Place place;
  std::string what;
};

/// Builds the tree from yaml-cpp's events. Its own YAML::Node hides duplicate keys, aliases and
/// quotes from us.
class Builder final : public YAML::EventHandler {
 public:
  Builder(std::string const& file, Problems& problems) : file_(file), problems_(problems) {}

  [[nodiscard]] Value take() { return std::move(root_); }

  void OnDocumentStart(YAML::Mark const&) override {}
  void OnDocumentEnd() override {}

  void OnNull(YAML::Mark const& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    if (expects_key()) throw Refused{place_of(mark), kBadKey};
    finish(value_at(mark, Value::Kind::null));
  }
  void OnAlias(YAML::Mark const& mark, YAML::anchor_t) override {
    problem(place_of(mark), "aliases (*name) are not supported; write the value out");
    if (expects_key()) throw Refused{place_of(mark), kBadKey};
    finish(value_at(mark, Value::Kind::null));
  }
  void OnScalar(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                std::string const& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (expects_key()) return start_entry(mark, value);
    auto node = value_at(mark, Value::Kind::scalar);
    node.text = value;
    node.plain = tag != "!";
    finish(std::move(node));
  }
  void OnSequenceStart(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    start(mark, tag, anchor, Value::Kind::list);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    start(mark, tag, anchor, Value::Kind::map);
  }
  void OnMapEnd() override { end(); }

 private:
  static constexpr char const* kBadKey =
      "a key must be a word; quote values that begin with { or [";

  /// A list or map that is not complete yet.
  struct Open {
    Value node;
    std::string key;
    Place key_place;
    bool has_key = false;
    std::unordered_map<std::string, int> line_of_key;
  };

  void problem(Place at, std::string what) {
    problems_.add(Origin::file(file_, at.line, at.column), std::move(what));
  }
  void refuse_anchor(YAML::Mark const& mark, YAML::anchor_t anchor) {
    if (anchor != 0)
      problem(place_of(mark), "anchors (&name) are not supported; write the value out");
  }
  void refuse_tag(YAML::Mark const& mark, std::string const& tag) {
    if (tag.size() > 1) problem(place_of(mark), "tags (!name) are not supported; remove the tag");
  }
  [[nodiscard]] bool expects_key() const {
    return !open_.empty() && open_.back().node.kind == Value::Kind::map && !open_.back().has_key;
  }

  void start(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
             Value::Kind kind) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (expects_key()) throw Refused{place_of(mark), kBadKey};
    if (open_.size() == kDeepest) throw Refused{place_of(mark), "nested too deeply"};
    open_.emplace_back().node = value_at(mark, kind);
  }
  void end() {
    Value node = std::move(open_.back().node);
    open_.pop_back();
    finish(std::move(node));
  }
  void start_entry(YAML::Mark const& mark, std::string const& key) {
    auto& map = open_.back();
    map.key = key;
    map.key_place = place_of(mark);
    map.has_key = true;
  }
  void finish(Value node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    auto& parent = open_.back();
    if (parent.node.kind == Value::Kind::map) {
      parent.has_key = false;
      node.key = std::move(parent.key);
      node.key_place = parent.key_place;
      // yaml-cpp marks an empty value at the token after it, which may be lines away.
      if (node.kind == Value::Kind::null) node.place = node.key_place;
      auto const [first, is_new] = parent.line_of_key.emplace(node.key, node.key_place.line);
      if (!is_new) {
        problem(node.key_place, fmt::format("the key {} appears twice, first on line {}; keep one",
                                            quoted(node.key), first->second));
        return;
      }
    }
    parent.node.children.push_back(std::move(node));
  }

  std::string const& file_;
  Problems& problems_;
  std::vector<Open> open_;
  Value root_;
};

/// Refuses whatever follows the first document.
class NoMore final : public YAML::EventHandler {
 public:
  void OnDocumentStart(YAML::Mark const& mark) override {
    throw Refused{place_of(mark), "a second document (---); the file holds one"};
  }
  void OnDocumentEnd() override {}
  void OnNull(YAML::Mark const&, YAML::anchor_t) override {}
  void OnAlias(YAML::Mark const&, YAML::anchor_t) override {}
  void OnScalar(YAML::Mark const&, std::string const&, YAML::anchor_t,
                std::string const&) override {}
  void OnSequenceStart(YAML::Mark const&, std::string const&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(YAML::Mark const&, std::string const&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

bool indented_by_tab(std::string_view text, int line) {
  for (; line > 1 && !text.empty(); --line)
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  auto const indent = text.substr(0, text.find_first_not_of(" \t"));
  return indent.find('\t') != std::string_view::npos;
}

// yaml-cpp puts a piece of the text behind a colon of some messages; it could be a secret.
std::string explain(YAML::Exception const& failure, std::string_view text) {
  auto const message = failure.msg.substr(0, failure.msg.find(':'));
  auto const* hint = indented_by_tab(text, place_of(failure.mark).line)
                         ? "indent with spaces, not tabs"
                         : "check the indentation, and quote values that hold : # { } [ ] & * ! @";
  return fmt::format("not valid YAML ({}); {}", message, hint);
}

}  // namespace

std::optional<Value> parse(std::string_view text, std::string const& file, Problems& problems) {
  auto const at = [&](Place place) { return Origin::file(file, place.line, place.column); };
  if (auto const bad = first_bad_byte(text)) {
    auto const before = text.substr(0, *bad);
    auto const line = 1 + std::count(before.begin(), before.end(), '\n');
    auto const column = *bad - (before.rfind('\n') + 1) + 1;
    problems.add(at({static_cast<int>(line), static_cast<int>(column)}),
                 "not UTF-8 text; save the file as UTF-8 without control characters");
    return std::nullopt;
  }
  std::istringstream in{std::string(text)};
  Builder builder(file, problems);
  try {
    YAML::Parser parser(in);
    if (parser.HandleNextDocument(builder)) {
      NoMore no_more;
      parser.HandleNextDocument(no_more);
    }
    return builder.take();
  } catch (Refused const& refused) {
    problems.add(at(refused.place), refused.what);
  } catch (YAML::Exception const& failure) {
    problems.add(at(place_of(failure.mark)), explain(failure, text));
  }
  return std::nullopt;
}

}  // namespace bridge::config::yaml
