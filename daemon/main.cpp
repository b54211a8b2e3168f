#include <cstdio>
#include <cstdlib>
#include <exception>

#include "base/log.hpp"
#include "daemon/cli.hpp"
#include "daemon/failure.hpp"

int main(int argc, char** argv) {
  try {
    return bridge::run_cli(argc, argv,
                           [](char const* name) -> char const* { return std::getenv(name); });
  } catch (std::exception const& error) {
    auto const line =
        bridge::log::redact(std::string("bctrl-bridge: unexpected: ") + error.what() + "\n");
    std::fputs(line.c_str(), stderr);
    return bridge::exit_code::failure;
  }
}
