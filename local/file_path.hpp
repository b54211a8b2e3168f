#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "local/errors.hpp"

namespace bridge::local {

inline constexpr std::size_t kPathMax = 4096;  ///< bytes
inline constexpr std::size_t kNameMax = 255;   ///< bytes, as file systems count

/// Which paths a check is about: the code of its refusal.
inline constexpr std::string_view kStoragePath = "storage_file.path_invalid";
inline constexpr std::string_view kRuntimePath = "runtime_file.path_invalid";

/// None when `path` is relative, without empty, "." and ".." segments, backslashes and control
/// characters, and not too long; else a 400 `code` that names `field`.
[[nodiscard]] std::optional<Problem> check_path(std::string_view path, std::string_view field,
                                                std::string_view code);
/// The same for one segment.
[[nodiscard]] std::optional<Problem> check_name(std::string_view name, std::string_view field,
                                                std::string_view code);

/// A name as close to `wanted` as can be. For names that somebody else has given: a browser, a
/// server.
[[nodiscard]] std::string tame_name(std::string_view wanted);

/// The part behind the last slash.
[[nodiscard]] std::string_view last_segment(std::string_view path);

/// "a/b.txt" as "a/b (2).txt".
[[nodiscard]] std::string numbered_path(std::string_view path, int number);

/// "a/b" as {"a", "b"}; for checked paths.
[[nodiscard]] std::vector<std::string> segments_of(std::string_view path);

}  // namespace bridge::local
