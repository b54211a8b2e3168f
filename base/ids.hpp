#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace bridge {

/// A string that names one kind of thing. RuntimeId and RunId do not mix by accident.
template <class Tag>
struct TextId {
  std::string value;

  // Constructors, not an aggregate: g++ 12 destroys an aggregate twice that is made inside an
  // awaited call.
  TextId() = default;
  explicit TextId(std::string text) : value(std::move(text)) {}

  [[nodiscard]] bool empty() const { return value.empty(); }
  friend auto operator<=>(TextId const&, TextId const&) = default;
};

using RuntimeId = TextId<struct RuntimeTag>;
using RunId = TextId<struct RunTag>;
using SpaceId = TextId<struct SpaceTag>;
using InvocationId = TextId<struct InvocationTag>;

/// One local WebSocket, numbered from 1 within a bridge; never reused.
enum class ClientId : std::uint64_t {};

}  // namespace bridge

template <class Tag>
struct std::hash<bridge::TextId<Tag>> {
  std::size_t operator()(bridge::TextId<Tag> const& id) const noexcept {
    return std::hash<std::string>{}(id.value);
  }
};
