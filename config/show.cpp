#include "config/show.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "config/address.hpp"
#include "config/fields.hpp"
#include "config/json_text.hpp"
#include "config/units.hpp"

namespace bridge::config {
namespace {

constexpr std::size_t kCommentColumn = 48;

// Words that YAML takes for a string as they are; everything else goes into quotes.
bool is_plain(std::string_view text) {
  auto const letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/';
  };
  auto const plain = [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') ||
           std::string_view("-_.:/").find(c) != std::string_view::npos;
  };
  return !text.empty() && letter(text.front()) && std::all_of(text.begin(), text.end(), plain) &&
         text.back() != ':' && text != "null" && text != "Null" && text != "NULL";
}

std::string doubled_dollars(std::string_view text) {
  std::string out;
  for (char const c : text) out += c == '$' ? std::string("$$") : std::string(1, c);
  return out;
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (char const c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string scalar(std::string const& text) {
  auto const safe = doubled_dollars(log::redact(text));
  return is_plain(safe) ? safe : in_quotes(safe);
}

/// "wss://host:443/***": a path may be a credential, a user's password is one.
std::string masked_address(std::string const& url) {
  if (url.empty()) return in_quotes("");
  auto const at = split_address(url);
  if (!at) return in_quotes("***");
  return at->path || at->userinfo ? in_quotes(at->origin() + "/***") : in_quotes(at->origin());
}

std::string print(std::string const& value, Form form) {
  if (form == Form::json) return doubled_dollars(masked_json(value));
  if (form == Form::secret) return masked_address(value);
  return scalar(value);
}
std::string print(bool value, Form) {
  return value ? "true" : "false";
}
std::string print(std::uint16_t value, Form) {
  return fmt::to_string(value);
}
std::string print(Duration value, Form) {
  return print_duration(value);
}
std::string print(std::size_t value, Form form) {
  return form == Form::count ? fmt::to_string(value) : print_size(value);
}
std::string print(std::vector<std::string> const& list, Form) {
  std::string out;
  for (auto const& item : list) out += (out.empty() ? "" : ", ") + scalar(item);
  return "[" + out + "]";
}
template <class Enum>
requires std::is_enum_v<Enum> std::string print(Enum value, Form) {
  return std::string(word_for(value));
}

class Printer {
 public:
  Printer(Origins const& origins, WithOrigin with_origin)
      : origins_(origins), with_origin_(with_origin) {}

  std::string print_all(Config const& config) {
    line("", "version", "version", "1");
    section(config, "", "");
    return std::move(out_);
  }

 private:
  template <Section S>
  void section(S const& section, std::string const& path, std::string const& indent) {
    auto before = indent;
    each_field(section, [&](std::string_view key, auto const& member, Form form = Form::plain) {
      auto const where = path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
      if (field(before, where, key, member, form)) before = after_dash(before);
    });
  }

  // The first key of a list item stands behind a dash, the others below it.
  static std::string after_dash(std::string indent) {
    std::replace(indent.begin(), indent.end(), '-', ' ');
    return indent;
  }

  template <Section S>
  bool field(std::string const& indent, std::string const& path, std::string_view key,
             S const& member, Form) {
    out_ += fmt::format("{}{}:\n", indent, key);
    section(member, path, after_dash(indent) + "  ");
    return true;
  }
  bool field(std::string const& indent, std::string const& path, std::string_view key,
             std::vector<Bridge> const& bridges, Form) {
    out_ += fmt::format("{}{}:\n", indent, key);
    for (std::size_t i = 0; i < bridges.size(); ++i)
      section(bridges[i], fmt::format("{}[{}]", path, i), "  - ");
    return true;
  }
  bool field(std::string const& indent, std::string const& path, std::string_view key,
             std::optional<RuntimeRef> const& runtime, Form form) {
    return runtime && field(indent, path, key, *runtime, form);
  }
  bool field(std::string const& indent, std::string const& path, std::string_view key,
             std::optional<Secret> const& secret, Form) {
    return secret && line(indent, path, key, masked_address(secret->reveal()));
  }
  bool field(std::string const& indent, std::string const& path, std::string_view key,
             std::optional<std::uint16_t> const& value, Form form) {
    return value && line(indent, path, key, print(*value, form));
  }
  // Of id and name only the one in use may be written.
  bool field(std::string const& indent, std::string const& path, std::string_view key,
             std::string const& value, Form form) {
    auto const selects = path.ends_with(".runtime.id") || path.ends_with(".runtime.name");
    return !(selects && value.empty()) && line(indent, path, key, print(value, form));
  }
  template <class T>
  bool field(std::string const& indent, std::string const& path, std::string_view key,
             T const& value, Form form) {
    return line(indent, path, key, print(value, form));
  }

  bool line(std::string const& indent, std::string const& path, std::string_view key,
            std::string const& value) {
    auto text = fmt::format("{}{}: {}", indent, key, value);
    if (with_origin_ == WithOrigin::yes)
      text = fmt::format("{:<{}}  # {}", text, kCommentColumn, origins_.of(path).text());
    out_ += text + '\n';
    return true;
  }

  Origins const& origins_;
  WithOrigin with_origin_;
  std::string out_;
};

}  // namespace

std::string show_config(Config const& config, Origins const& origins, WithOrigin with_origin) {
  return Printer(origins, with_origin).print_all(config);
}

}  // namespace bridge::config
