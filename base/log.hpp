#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bridge {

enum class LogLevel { trace, debug, info, warn, error, off };

namespace log {

enum class Format {
  automatic,  ///< journal when systemd reads our stderr, else text
  text,       ///< time, level, message
  journal,    ///< "<N>message": systemd reads the level from the prefix
  json,       ///< one object a line: ts, level, msg
};

/// Sets level and format of everything written from now on. Logs go to stderr.
void setup(LogLevel level, Format format = Format::automatic);

/// The sink masks `text` in every later line. Short texts (under 8) are ignored: they would mask
/// ordinary words. So is an address that holds no credential.
void mask(std::string_view text);

/// `line` as the sink would print it: known secrets, bearer tokens and the path and query of ws://
/// and wss:// addresses to other machines are replaced.
[[nodiscard]] std::string redact(std::string_view line);

void write(LogLevel level, std::string_view message);
[[nodiscard]] bool enabled(LogLevel level);

/// While it lives, lines are collected here, redacted, instead of being printed. For tests.
class Capture {
 public:
  Capture();
  ~Capture();
  Capture(Capture const&) = delete;
  Capture& operator=(Capture const&) = delete;
  [[nodiscard]] std::vector<std::string> lines() const;
  [[nodiscard]] bool contains(std::string_view text) const;
};

}  // namespace log

/// A logger with a fixed prefix, made once per object: Log log_{"main c7"} prints "[main c7] ...".
class Log {
 public:
  Log() = default;
  explicit Log(std::string_view prefix)
      : prefix_(prefix.empty() ? "" : fmt::format("[{}] ", prefix)) {}

  template <class... Args>
  void trace(fmt::format_string<Args...> format, Args&&... args) const {
    print(LogLevel::trace, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) const {
    print(LogLevel::debug, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) const {
    print(LogLevel::info, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) const {
    print(LogLevel::warn, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) const {
    print(LogLevel::error, format, std::forward<Args>(args)...);
  }

 private:
  template <class... Args>
  void print(LogLevel level, fmt::format_string<Args...> format, Args&&... args) const {
    if (!log::enabled(level)) return;
    log::write(level, prefix_ + fmt::format(format, std::forward<Args>(args)...));
  }

  std::string prefix_;
};

}  // namespace bridge
