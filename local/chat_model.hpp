#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "local/errors.hpp"
#include "local/json.hpp"
#include "net/http_client.hpp"

namespace bridge::local {

/// A model behind an OpenAI-compatible API, as far as a job of ours needs it.
class ChatModel {
 public:
  struct Options {
    net::Url url;              ///< of ".../chat/completions"
    net::HttpHeaders headers;  ///< that authorize
    std::string model;
    Json parameters;  ///< object: temperature, max_tokens, ... sent as they are
  };
  /// `reach` outlives it.
  ChatModel(net::Loop& loop, net::Reach const& reach, Options options);

  /// Sends `value` along with every question from now on.
  void set(std::string const& parameter, Json value);

  /// What the model says to `messages`. The error tells what a person needs to know and no secret.
  awaitable<Result<std::string>> say(Json messages, Duration limit);

  [[nodiscard]] std::string const& name() const { return options_.model; }
  [[nodiscard]] std::int64_t input_tokens() const { return input_tokens_; }
  [[nodiscard]] std::int64_t output_tokens() const { return output_tokens_; }

 private:
  net::HttpClient client_;
  Options options_;
  std::int64_t input_tokens_ = 0;
  std::int64_t output_tokens_ = 0;
};

/// The model for a job of an engine ("stagehand", "browserUse") in a runtime. `wanted` is the
/// request's model, null for the default. A Problem when there is none.
using FindModel = std::function<Outcome<std::unique_ptr<ChatModel>>(
    RuntimeId const& runtime, Json const& wanted, std::string_view engine)>;

/// The JSON object in a model's reply, which may stand in a code fence or among words; null when
/// there is none.
[[nodiscard]] Json object_in(std::string_view reply);

}  // namespace bridge::local
