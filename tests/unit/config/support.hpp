#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/env.hpp"
#include "config/parse.hpp"
#include "config/validate.hpp"

namespace bridge::config {

/// An environment made of literals. It must outlive the Env taken from it.
class FakeEnv {
 public:
  FakeEnv(std::initializer_list<std::pair<std::string const, std::string>> values = {})
      : values_(values) {}
  void set(std::string const& name, std::string value) { values_[name] = std::move(value); }
  [[nodiscard]] Env get() const {
    return [this](char const* name) -> char const* {
      auto const found = values_.find(name);
      return found == values_.end() ? nullptr : found->second.c_str();
    };
  }

 private:
  std::map<std::string, std::string> values_;
};

/// A directory of one test, removed at its end.
class TempDir {
 public:
  TempDir() {
    auto pattern = (std::filesystem::temp_directory_path() / "bctrl-config-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  TempDir(TempDir const&) = delete;
  TempDir& operator=(TempDir const&) = delete;
  ~TempDir() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string const& path() const { return path_; }
  [[nodiscard]] std::string operator/(std::string_view name) const {
    return path_ + "/" + std::string(name);
  }
  /// Writes a file, with its parents, and gives its path.
  std::string write(std::string_view name, std::string_view text, mode_t mode = 0600) const {
    auto const path = *this / name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }

 private:
  std::string path_;
};

/// What reading and judging a text as "f.yaml" gives.
struct Read {
  Config config;
  Origins origins;
  Problems problems;

  [[nodiscard]] std::string errors() const { return problems.text(); }
};

inline Read read_text(std::string_view text, Env const& env = {}) {
  Read out;
  parse_config(text, "f.yaml", env, out.config, out.origins, out.problems);
  return out;
}

inline Read check_text(std::string_view text, Env const& env = {}) {
  auto out = read_text(text, env);
  if (!out.origins.has("bridges")) out.config.bridges.emplace_back().name = "main";
  validate(out.config, out.origins, out.problems);
  out.problems.sort();
  return out;
}

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace bridge::config
