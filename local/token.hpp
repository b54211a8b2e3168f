#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bridge::local {

/// From the kernel's generator.
[[nodiscard]] std::string random_bytes(std::size_t count);

/// `bytes` bytes of the kernel's generator as base64url: unguessable from 16 bytes up.
[[nodiscard]] std::string random_token(std::size_t bytes);

/// RFC 4648 section 5, without padding.
[[nodiscard]] std::string base64url(std::string_view bytes);
/// None when `text` is not what base64url() makes.
[[nodiscard]] std::optional<std::string> from_base64url(std::string_view text);

/// Compares in a time that depends on the lengths only.
[[nodiscard]] bool same_secret(std::string_view left, std::string_view right);

}  // namespace bridge::local
