#include "local/timezone.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <string>

namespace bridge::local {
namespace {

constexpr char const* kDatabase = "/usr/share/zoneinfo";
constexpr std::string_view kMagic = "TZif";

// The database's own copies and helpers, which no browser knows.
bool is_internal(std::string_view name) {
  return name.starts_with("posix") || name.starts_with("right/") || name == "localtime" ||
         name == "Factory";
}

bool is_zone_file(std::filesystem::path const& path) {
  std::error_code ec;
  if (!std::filesystem::is_regular_file(path, ec)) return false;
  std::array<char, kMagic.size()> head{};
  std::ifstream(path, std::ios::binary).read(head.data(), head.size());
  return std::string_view(head.data(), head.size()) == kMagic;
}

}  // namespace

bool is_timezone(std::string_view name) {
  bool const plain = !name.empty() && name.front() != '/' &&
                     std::all_of(name.begin(), name.end(), [](unsigned char c) {
                       return std::isalnum(c) != 0 ||
                              std::string_view("/+-_").find(char(c)) != std::string_view::npos;
                     });
  if (!plain || is_internal(name)) return false;
  std::filesystem::path const database(kDatabase);
  // Without it, or with another one, Chromium has the last word.
  return !is_zone_file(database / "UTC") || is_zone_file(database / name);
}

}  // namespace bridge::local
