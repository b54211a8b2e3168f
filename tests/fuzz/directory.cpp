#include "tests/fuzz/directory.hpp"

#include <fstream>
#include <iterator>

#include "tests/fuzz/checks.hpp"

namespace bridge::fuzz {
namespace {

namespace fs = std::filesystem;

std::string text_of(fs::path const& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void check_alone(fs::path const& path) {
  for (auto const& entry : fs::directory_iterator(path.parent_path()))
    require(entry.path() == path, "nothing is written elsewhere");
}

}  // namespace

FencedDirectory::FencedDirectory() {
  fs::create_directories(into_);
}

void FencedDirectory::clear() {
  for (auto const& entry : fs::directory_iterator(into_)) fs::remove_all(entry.path());
}

std::map<std::string, std::string> FencedDirectory::contents() const {
  check_alone(into_);
  check_alone(into_.parent_path());
  std::map<std::string, std::string> out;
  for (auto const& entry : fs::recursive_directory_iterator(into_)) {
    auto const name = entry.path().lexically_relative(into_).string();
    auto const status = entry.symlink_status();
    require(fs::is_regular_file(status) || fs::is_directory(status), "files and folders only");
    if (fs::is_directory(status)) out.emplace(name + '/', "");
    if (fs::is_regular_file(status)) out.emplace(name, text_of(entry.path()));
  }
  return out;
}

}  // namespace bridge::fuzz
