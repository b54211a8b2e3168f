#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "local/json.hpp"
#include "net/http_message.hpp"
#include "net/url.hpp"

namespace bridge::local {

// What is known of AI providers. All of them are spoken to as OpenAI is.

/// Where models are asked.
struct AiEndpoint {
  std::string provider;
  std::string base;  ///< "https://api.openai.com/v1"; "/chat/completions" goes behind it
  Secret key;        ///< may be empty

  /// `path` begins with a slash. Errors when `base` is no http address.
  [[nodiscard]] Result<net::Url> url(std::string_view path) const;
  /// The headers that carry the key.
  [[nodiscard]] net::HttpHeaders authorization() const;
};

/// The base of a provider's API; empty when only its user knows: azure, custom.
[[nodiscard]] std::string_view known_base(std::string_view provider);

/// A base without trailing slashes; none when it is no plain http or https address.
[[nodiscard]] std::optional<std::string> read_base(std::string_view text);

/// What to get behind the base to see whether a key is good. The list of models, but for those that
/// show it to everybody.
[[nodiscard]] std::string_view check_path(std::string_view provider);

/// The models of a provider's list as the contract shows them (AiModel); none when it is no such
/// list. What providers do not tell about a model is false.
[[nodiscard]] std::optional<std::vector<Json>> read_models(std::string_view provider,
                                                           std::string_view body);

/// What a provider says in an answer that is no success, in one line and without the key.
[[nodiscard]] std::string refusal_text(net::HttpReply const& reply, Secret const& key);

}  // namespace bridge::local
