#include "daemon/banner.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "base/version.hpp"
#include "daemon/daemon.hpp"

namespace bridge {
namespace {

namespace fs = std::filesystem;

bool is_same_program(fs::path const& candidate, fs::path const& program) {
  std::error_code ec;
  return fs::equivalent(candidate, program, ec) && !ec;
}

std::string_view when(config::Start start) {
  switch (start) {
    case config::Start::boot:
      return "now";
    case config::Start::discovery:
      return "when a client looks for it";
    case config::Start::attach:
      break;
  }
  return "when the first client attaches";
}

}  // namespace

std::string own_command(config::Env const& env) {
  std::error_code ec;
  auto const program = fs::read_symlink("/proc/self/exe", ec);
  auto const name = program.filename();
  auto const path = config::env_text(env, "PATH");
  for (std::string_view rest = path; !ec && !rest.empty();) {
    auto const directory = rest.substr(0, rest.find(':'));
    auto const candidate = fs::path(directory) / name;
    if (candidate.is_absolute() && fs::exists(candidate, ec))
      return is_same_program(candidate, program) ? name.string() : program.string();
    ec.clear();
    rest.remove_prefix(std::min(directory.size() + 1, rest.size()));
  }
  return program.empty() ? "bctrl-bridge" : program.string();
}

std::string banner(Daemon& daemon, config::Env const& env) {
  std::string out = fmt::format("\nbctrl-bridge {}\n", version());
  out += fmt::format("  {}\n", daemon.backend().description);
  auto const all = daemon.bridges();
  for (auto const& listed : all) {
    auto const& config = listed.bridge->config();
    out += fmt::format("  {}  {}  ({} {})\n", config.name, listed.http,
                       config.upstream ? "connects" : "starts", when(config.start));
  }
  auto const& http = all.front().http;
  out += "\nPaste one of these:\n";
  out +=
      fmt::format("  Playwright  const browser = await chromium.connectOverCDP(\"{}\");\n", http);
  out += fmt::format(
      "  Puppeteer   const browser = await puppeteer.connect({{ browserURL: \"{}\" }});\n", http);
  out += fmt::format("  curl        curl {}/json/version\n", http);
  out += fmt::format("  status      {} status\n", own_command(env));
  return out;
}

}  // namespace bridge
