#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "cdp/mux.hpp"

namespace bridge::test {

/// Writes down what a Mux puts out, in order, one line each: "up <frame>", "c7 <frame>", "c7
/// leaves", "c7 gone".
class MuxRecord final : public cdp::MuxOut {
 public:
  void to_upstream(cdp::Spliced const& message) override { put("up " + message.text()); }
  void to_client(ClientId who, cdp::Spliced const& message) override {
    put(fmt::format("c{} {}", number(who), message.text()));
  }
  void client_leaves(ClientId who) override { put(fmt::format("c{} leaves", number(who))); }
  void target_gone(ClientId who) override { put(fmt::format("c{} gone", number(who))); }

  /// What came since the last take().
  [[nodiscard]] std::vector<std::string> take() { return std::exchange(lines_, {}); }

 private:
  static std::uint64_t number(ClientId who) { return static_cast<std::uint64_t>(who); }
  void put(std::string line) { lines_.push_back(std::move(line)); }

  std::vector<std::string> lines_;
};

}  // namespace bridge::test
