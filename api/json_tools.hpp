#pragma once

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "api/types.hpp"

namespace bridge::api {

// What the readers and writers of the contract's JSON share; for the .cpp of this folder only.

// Ordered, so that free-form JSON comes out as its author wrote it.
using Json = nlohmann::ordered_json;
using JsonPath = std::initializer_list<char const*>;

/// The parsed text, or a discarded value; that too when it is nested deeper than kJsonDepthMax.
[[nodiscard]] Json parse(std::string_view text);
/// UTF-8 whatever it holds.
[[nodiscard]] std::string dump(Json const& value);

/// The value at a path of members; nullptr when any step is missing or null.
[[nodiscard]] Json const* find(Json const& from, JsonPath path);
[[nodiscard]] std::string text_at(Json const& from, JsonPath path);
/// The first spelling that is there and not empty.
[[nodiscard]] std::string text_of(Json const& from, std::initializer_list<JsonPath> spellings);
[[nodiscard]] std::string text(Json const& from, char const* name);
[[nodiscard]] std::optional<double> number(Json const& from, char const* name);
[[nodiscard]] bool flag(Json const& from, char const* name);
/// The member as JSON text; empty when there is none.
[[nodiscard]] std::string json_text(Json const& from, char const* name);

/// Puts the object in `text` at `into[name]`; false when it is none. Empty text: nothing to put.
[[nodiscard]] bool put_object(Json& into, char const* name, std::string const& text);

[[nodiscard]] bool is_object(Json const& json);
/// Calls `take` with each object of a list envelope; false when `json` is none.
[[nodiscard]] bool each_item(Json const& json, std::function<void(Json const&)> const& take);
[[nodiscard]] ApiError unreadable(char const* what);

inline constexpr auto has_id = [](auto const& value) { return !value.id.empty(); };

/// An object read by `to`; `is_usable` says whether it has what no caller can do without.
template <class To, class Usable>
auto read_one(Json const& json, char const* what, To to, Usable is_usable)
    -> ApiResult<decltype(to(json))> {
  if (!is_object(json)) return unreadable(what);
  auto value = to(json);
  if (!is_usable(value)) return unreadable(what);
  return value;
}

/// A list envelope; items without what is needed are left out.
template <class To, class Usable>
auto read_page(Json const& json, char const* what, To to, Usable is_usable)
    -> ApiResult<Page<decltype(to(json))>> {
  Page<decltype(to(json))> page;
  bool const is_list = each_item(json, [&](Json const& item) {
    auto value = to(item);
    if (is_usable(value)) page.data.push_back(std::move(value));
  });
  if (!is_list) return unreadable(what);
  page.next_cursor = text(json, "nextCursor");
  return page;
}

/// What a wait answers: the thing, with a `waitStatus` that is `ended` when it is over.
template <class To>
auto read_wait(Json const& json, char const* what, To to, std::string_view ended)
    -> ApiResult<Waited<decltype(to(json))>> {
  auto value = read_one(json, what, to, has_id);
  if (!value) return value.error();
  Waited<decltype(to(json))> waited;
  waited.value = std::move(*value);
  waited.ended = text(json, "waitStatus") == ended;
  constexpr double kRetryMax = 3600;  // seconds
  if (auto const seconds = number(json, "retryAfterSeconds"); seconds && *seconds >= 0)
    waited.retry_after =
        std::chrono::milliseconds(static_cast<std::int64_t>(std::min(*seconds, kRetryMax) * 1000));
  return waited;
}

}  // namespace bridge::api
