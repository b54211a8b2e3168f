#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
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
  /// A message in pieces is one line, when it is there; "c7 broken off" when it never is.
  bool begin_message(ClientId who, std::uint64_t length) override {
    if (full) return false;
    CHECK(open_.count(who) == 0);
    open_[who] = {length, ""};
    return true;
  }
  void continue_message(ClientId who, std::string_view bytes) override {
    auto& open = open_.at(who);
    open.text += bytes;
    REQUIRE(open.text.size() <= open.length);
    if (open.text.size() < open.length) return;
    put(fmt::format("c{} {}", number(who), open.text));
    open_.erase(who);
  }
  void pad_message(ClientId who) override {
    auto const open = open_.find(who);
    if (open == open_.end()) return;  // it is complete
    continue_message(who, std::string(open->second.length - open->second.text.size(), ' '));
  }
  void break_off(ClientId who) override {
    put(fmt::format("c{} broken off", number(who)));
    open_.erase(who);
  }
  void client_leaves(ClientId who) override { put(fmt::format("c{} leaves", number(who))); }
  void target_gone(ClientId who) override { put(fmt::format("c{} gone", number(who))); }

  /// What came since the last take().
  [[nodiscard]] std::vector<std::string> take() { return std::exchange(lines_, {}); }

  bool full = false;  ///< clients have no room for a message in pieces

 private:
  struct Open {
    std::uint64_t length = 0;
    std::string text;
  };
  static std::uint64_t number(ClientId who) { return static_cast<std::uint64_t>(who); }
  void put(std::string line) { lines_.push_back(std::move(line)); }

  std::vector<std::string> lines_;
  std::map<ClientId, Open> open_;
};

}  // namespace bridge::test
