#include "config/parse.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "config/expand.hpp"
#include "config/fields.hpp"
#include "config/json_text.hpp"
#include "config/suggest.hpp"
#include "config/yaml.hpp"

namespace bridge::config {
namespace {

using yaml::Value;

constexpr std::string_view kVersion = "1";

std::string join(std::string const& path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

/// People look for a place to write the key itself; a near word does not help them.
bool names_a_secret(std::string_view key) {
  return key == "key" || key == "api_key" || key == "apikey" || key == "token";
}

Value const* child(Value const& map, std::string_view key) {
  auto const found = std::find_if(map.children.begin(), map.children.end(),
                                  [&](Value const& node) { return node.key == key; });
  return found == map.children.end() ? nullptr : &*found;
}

class Reader {
 public:
  Reader(std::string const& file, Env const& env, Origins& origins, Problems& problems)
      : file_(file), env_(env), origins_(origins), problems_(problems) {}

  void root(Value const& node, Config& into) {
    // An empty file may be one that is just being written.
    bool const empty = node.kind == Value::Kind::null;
    if (empty || node.kind == Value::Kind::map) check_version(node);
    if (empty) return;
    read(node, "", into, Form::plain);
  }

 private:
  void problem(yaml::Place at, std::string what) { problems_.add(origin(at), std::move(what)); }
  [[nodiscard]] Origin origin(yaml::Place at) const {
    return Origin::file(file_, at.line, at.column);
  }

  void check_version(Value const& map) {
    auto const* version = child(map, "version");
    if (version == nullptr) {
      problem({}, fmt::format("version is missing; write \"version: {}\" at the top", kVersion));
    } else if (version->kind != Value::Kind::scalar || version->text != kVersion) {
      problem(
          version->place,
          fmt::format("version: only version {0} is supported; write \"version: {0}\"", kVersion));
    } else {
      origins_.set("version", origin(version->place));
    }
  }

  template <Section S>
  void read(Value const& node, std::string const& path, S& into, Form) {
    if (node.kind == Value::Kind::null) return;
    if (node.kind != Value::Kind::map)
      return problem(node.place, fmt::format("{} must be a map of keys; write \"key: value\" lines",
                                             path.empty() ? "the file" : path));
    std::vector<std::string_view> known;
    if (path.empty()) known.push_back("version");
    each_field(into, [&](std::string_view key, auto& member, Form form = Form::plain) {
      known.push_back(key);
      auto const* value = child(node, key);
      if (value == nullptr) return;
      auto const where = join(path, key);
      origins_.set(where, origin(value->place));
      read(*value, where, member, form);
    });
    for (auto const& entry : node.children) check_known(entry, path, known);
  }

  void check_known(Value const& entry, std::string const& path,
                   std::vector<std::string_view> const& known) {
    if (entry.key.starts_with("x-")) return;
    if (std::find(known.begin(), known.end(), entry.key) != known.end()) return;
    auto const near = nearest_word(entry.key, known);
    auto const way_out =
        names_a_secret(entry.key)
            ? std::string(
                  "keys are not written here; put it in a file and name it with api.key_file")
        : near.empty() ? fmt::format("known keys: {}", fmt::join(known, ", "))
                       : fmt::format("did you mean \"{}\"?", near);
    problem(entry.key_place, fmt::format("unknown key {}{}{}; {}", quoted(entry.key),
                                         path.empty() ? "" : " in ", path, way_out));
  }

  // A runtime may be given by its name alone: `runtime: main`.
  void read(Value const& node, std::string const& path, std::optional<RuntimeRef>& into, Form) {
    if (node.kind == Value::Kind::null) return has_no_value(node, path);
    RuntimeRef runtime;
    if (node.kind == Value::Kind::scalar) {
      origins_.set(path + ".name", origin(node.place));
      read(node, path + ".name", runtime.name, Form::plain);
    } else {
      read(node, path, runtime, Form::plain);
    }
    into = std::move(runtime);
  }

  // A budget of time alone may be one word: `budget: 60m/day`.
  void read(Value const& node, std::string const& path, Budget& into, Form form) {
    if (node.kind != Value::Kind::scalar) return read<Budget>(node, path, into, form);
    read_scalar(node, path, into, form);
  }

  void read(Value const& node, std::string const& path, std::vector<Bridge>& into, Form) {
    if (!is_list(node, path)) return;
    into.clear();
    for (auto const& item : node.children) {
      auto const where = fmt::format("{}[{}]", path, into.size());
      origins_.set(where, origin(item.place));
      read(item, where, into.emplace_back(), Form::plain);
    }
  }

  void read(Value const& node, std::string const& path, std::vector<std::string>& into, Form form) {
    if (!is_list(node, path)) return;
    into.clear();
    for (auto const& item : node.children) {
      auto const where = fmt::format("{}[{}]", path, into.size());
      origins_.set(where, origin(item.place));
      read(item, where, into.emplace_back(), form);
    }
  }

  template <class T>
  void read(Value const& node, std::string const& path, T& into, Form form) {
    if (node.kind == Value::Kind::null) return has_no_value(node, path);
    if constexpr (std::is_same_v<T, std::string>) {
      if (form == Form::json) return read_json(node, path, into);
    }
    if (node.kind != Value::Kind::scalar)
      return problem(node.place, fmt::format("{} must be a single value, not a list or map", path));
    read_scalar(node, path, into, form);
  }

  template <class T>
  void read_scalar(Value const& node, std::string const& path, T& into, Form form) {
    std::string text;
    if (auto const objection = expand(node.text, env_, text))
      return problem(node.place, fmt::format("{}: {}", path, *objection));
    if (auto const objection = judge(text, into, form)) {
      // The text as it stands in the file: an expanded one may be a secret.
      auto const value = form == Form::secret ? "the value" : quoted(node.text);
      problem(node.place, fmt::format("{}: {} {}", path, value, *objection));
    }
  }

  template <class T>
  static Objection judge(std::string const& text, T& into, Form form) {
    if (form == Form::path && !text.empty() && !text.starts_with('/'))
      return "is not an absolute path; begin it with / or ${HOME}/";
    return parse_value(text, form, into);
  }

  void read_json(Value const& node, std::string const& path, std::string& into) {
    if (node.kind != Value::Kind::map)
      return problem(node.place, fmt::format("{} must be a map; write \"key: value\" lines", path));
    into = json_text(node, env_, [&](yaml::Place at, std::string const& what) {
      problem(at, fmt::format("{}: {}", path, what));
    });
  }

  bool is_list(Value const& node, std::string const& path) {
    if (node.kind == Value::Kind::list) return true;
    if (node.kind == Value::Kind::null) {
      has_no_value(node, path);
    } else {
      problem(node.place, fmt::format("{} must be a list; write [] or \"- item\" lines", path));
    }
    return false;
  }
  void has_no_value(Value const& node, std::string const& path) {
    problem(node.place, fmt::format("{} has no value; give one or remove the key", path));
  }

  std::string const& file_;
  Env const& env_;
  Origins& origins_;
  Problems& problems_;
};

class KeyList {
 public:
  template <Section S>
  void walk(std::string const& path) {
    S section;
    each_field(section, [&](std::string_view key, auto& member, Form = Form::plain) {
      add(join(path, key), member);
    });
  }
  std::vector<std::string> keys{"version"};

 private:
  template <Section S>
  void add(std::string const& path, S const&) {
    walk<S>(path);
  }
  void add(std::string const& path, std::vector<Bridge> const&) { walk<Bridge>(path + "[]"); }
  void add(std::string const& path, std::optional<RuntimeRef> const&) { walk<RuntimeRef>(path); }
  template <class T>
  void add(std::string const& path, T const&) {
    keys.push_back(path);
  }
};

}  // namespace

void parse_config(std::string_view text, std::string const& file, Env const& env, Config& config,
                  Origins& origins, Problems& problems) {
  if (auto const root = yaml::parse(text, file, problems))
    Reader(file, env, origins, problems).root(*root, config);
}

std::vector<std::string> known_keys() {
  KeyList list;
  list.walk<Config>("");
  return list.keys;
}

}  // namespace bridge::config
