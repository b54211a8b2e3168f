#pragma once

#include <map>
#include <string>

namespace bridge::config {

/// Where a value of the configuration came from.
struct Origin {
  enum class Kind { built_in, file, env, flag };

  Kind kind = Kind::built_in;
  std::string name;  ///< the file's path, the variable, or the flag with its dashes
  int line = 0;      ///< of a file, counted from 1; 0: the file as a whole
  int column = 0;

  [[nodiscard]] static Origin file(std::string path, int line, int column);
  [[nodiscard]] static Origin env(std::string variable);
  [[nodiscard]] static Origin flag(std::string flag);

  /// For `config show --origin`: "default", "/x/config.yaml:3", "env NAME", "flag --backend".
  [[nodiscard]] std::string text() const;
  /// The start of an error: "/x/config.yaml:3:7", "environment NAME", "--backend". Empty for a
  /// built-in value.
  [[nodiscard]] std::string place() const;

  friend bool operator==(Origin const&, Origin const&) = default;
};

/// Origins by path, such as "api.base_url" or "bridges[0].limits.clients". What is not in it is a
/// built-in default.
class Origins {
 public:
  void set(std::string path, Origin origin) { by_path_[std::move(path)] = std::move(origin); }
  [[nodiscard]] bool has(std::string const& path) const { return by_path_.contains(path); }
  /// Origin of exactly this path.
  [[nodiscard]] Origin of(std::string const& path) const;
  /// Origin of this path, or of the nearest enclosing section that has one: where to point for a
  /// missing key.
  [[nodiscard]] Origin nearest(std::string path) const;

 private:
  std::map<std::string, Origin> by_path_;
};

}  // namespace bridge::config
