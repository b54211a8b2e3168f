#include "base/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "base/redact.hpp"
#include "base/secret.hpp"

namespace bridge {
namespace {

constexpr std::size_t kShortestMask = 8;
constexpr std::string_view kMask = "***";

// Process-wide on purpose: a secret must be masked whichever object happens to log it.
class Masks {
 public:
  void add(std::string_view text) {
    if (text.size() < kShortestMask || log::is_bare_address(text)) return;
    std::lock_guard lock(mutex_);
    if (std::find(texts_.begin(), texts_.end(), text) != texts_.end()) return;
    if (texts_.size() == kMost) texts_.erase(texts_.begin() + kForEver);
    texts_.emplace_back(text);
  }
  /// Every byte of a secret goes, also where one secret is a part of another.
  void apply(std::string& line) const {
    std::vector<bool> hidden;
    std::lock_guard lock(mutex_);
    for (auto const& text : texts_) {
      for (auto at = line.find(text); at != std::string::npos; at = line.find(text, at + 1)) {
        hidden.resize(line.size());
        std::fill_n(hidden.begin() + static_cast<std::ptrdiff_t>(at), text.size(), true);
      }
    }
    if (hidden.empty()) return;
    std::string out;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (!hidden[i]) {
        out += line[i];
      } else if (i == 0 || !hidden[i - 1]) {
        out += kMask;
      }
    }
    line = std::move(out);
  }

 private:
  static constexpr std::size_t kMost = 1024;
  // The configuration's keys come first and live as long as the program; connectUrls come and go.
  static constexpr std::ptrdiff_t kForEver = 256;
  mutable std::mutex mutex_;
  std::vector<std::string> texts_;
};

Masks& masks() {
  static Masks all;
  return all;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      break;
  }
  return spdlog::level::off;
}

int syslog_priority(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::err:
      return 3;
    case spdlog::level::warn:
      return 4;
    case spdlog::level::info:
      return 6;
    default:
      return 7;
  }
}

// Control characters are gone by then.
std::string json_text(std::string_view text) {
  std::string out;
  for (char const c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool stderr_is_journal() {
  char const* stream = std::getenv("JOURNAL_STREAM");
  struct stat found {};
  if (stream == nullptr || fstat(STDERR_FILENO, &found) != 0) return false;
  return fmt::format("{}:{}", found.st_dev, found.st_ino) == stream;
}

/// The one sink: redacts, then prints or collects.
class Sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void use(log::Format format) {
    std::lock_guard lock(mutex_);
    format_ = format;
    if (format_ == log::Format::automatic)
      format_ = stderr_is_journal() ? log::Format::journal : log::Format::text;
  }
  void capture(bool on) {
    std::lock_guard lock(mutex_);
    capturing_ = on;
    lines_.clear();
  }
  std::vector<std::string> lines() {
    std::lock_guard lock(mutex_);
    return lines_;
  }

 protected:
  void sink_it_(spdlog::details::log_msg const& message) override {
    auto text = log::redact(std::string_view(message.payload.data(), message.payload.size()));
    // A title or a reason of the other side must neither start a line of its own nor steer a
    // terminal.
    std::replace_if(text.begin(), text.end(), is_control, ' ');
    if (capturing_) {
      lines_.push_back(std::move(text));
      return;
    }
    auto const line = print(message, text);
    std::fwrite(line.data(), 1, line.size(), stderr);
  }
  void flush_() override { std::fflush(stderr); }

 private:
  std::string print(spdlog::details::log_msg const& message, std::string const& text) {
    auto const since = message.time.time_since_epoch();
    auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    auto const ms = std::chrono::duration_cast<std::chrono::milliseconds>(since - seconds).count();
    auto const when = static_cast<std::time_t>(seconds.count());
    std::tm parts{};
    char stamp[32] = {};
    auto const level = spdlog::level::to_string_view(message.level);
    auto const name = std::string_view(level.data(), level.size());
    switch (format_) {
      case log::Format::journal:
        return fmt::format("<{}>{}\n", syslog_priority(message.level), text);
      case log::Format::json:
        gmtime_r(&when, &parts);
        std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &parts);
        return fmt::format("{{\"ts\":\"{}.{:03}Z\",\"level\":\"{}\",\"msg\":\"{}\"}}\n", stamp, ms,
                           name, json_text(text));
      default:
        localtime_r(&when, &parts);
        std::strftime(stamp, sizeof stamp, "%H:%M:%S", &parts);
        return fmt::format("{}.{:03} {:<5} {}\n", stamp, ms, name == "warning" ? "warn" : name,
                           text);
    }
  }

  log::Format format_ = log::Format::text;
  bool capturing_ = false;
  std::vector<std::string> lines_;
};

// spdlog keeps the sink and the logger, we keep the sink to switch its format: two owners.
std::shared_ptr<Sink> const& sink() {
  static auto const one = std::make_shared<Sink>();
  return one;
}

spdlog::logger& logger() {
  static spdlog::logger one("bctrl-bridge", sink());
  return one;
}

}  // namespace

namespace log {

void setup(LogLevel level, Format format) {
  sink()->use(format);
  logger().set_level(to_spdlog(level));
  logger().flush_on(spdlog::level::trace);
}

void mask(std::string_view text) {
  masks().add(text);
}

std::string redact(std::string_view line) {
  std::string out(line);
  masks().apply(out);
  return mask_credentials(out);
}

void write(LogLevel level, std::string_view message) {
  logger().log(to_spdlog(level), spdlog::string_view_t(message.data(), message.size()));
}

bool enabled(LogLevel level) {
  return logger().should_log(to_spdlog(level));
}

Capture::Capture() {
  logger().set_level(spdlog::level::trace);
  sink()->capture(true);
}

Capture::~Capture() {
  sink()->capture(false);
  logger().set_level(spdlog::level::info);
}

std::vector<std::string> Capture::lines() const {
  return sink()->lines();
}

bool Capture::contains(std::string_view text) const {
  auto const all = lines();
  return std::any_of(all.begin(), all.end(),
                     [text](auto const& line) { return line.find(text) != std::string::npos; });
}

}  // namespace log

Secret::Secret(std::string text) : text_(std::move(text)) {
  log::mask(text_);
}

std::string Secret::masked() const {
  if (text_.empty()) return "";
  if (text_.size() < 16) return "***";
  return "***" + text_.substr(text_.size() - 4);
}

}  // namespace bridge
