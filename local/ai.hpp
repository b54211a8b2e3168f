#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "local/documents.hpp"
#include "local/errors.hpp"
#include "local/json.hpp"
#include "local/outside.hpp"
#include "local/providers.hpp"
#include "local/seal.hpp"

namespace bridge::local {

/// The AI credentials of this backend, and the models that they open. Nothing is managed here:
/// without a credential there is no model.
class Ai {
 public:
  Ai(Database& database, Seal& seal, Outside& outside)
      : credentials_(database, "ai_credential"), seal_(seal), outside_(outside) {}

  /// Scope: the subaccount, "" for the organization. Body: name, provider, status, baseUrl,
  /// defaultModel, and the sealed key, each where there is one.
  [[nodiscard]] Documents& credentials() { return credentials_; }
  [[nodiscard]] std::string seal_key(std::string_view id, std::string_view key);
  [[nodiscard]] AiEndpoint endpoint_of(Document const& credential) const;

  struct Check {
    bool ok = false;
    bool refused = false;  ///< the provider answered, and the answer is no
    std::string error;
    double seconds = 0;
  };
  /// Asks the provider for something that it tells only to who has a good key.
  awaitable<Check> check(AiEndpoint endpoint);

  /// An array of what the enabled credentials of `owner` open (none: everybody's). Lists are kept
  /// for minutes; a provider that does not answer adds nothing.
  awaitable<Json> models(std::optional<std::string> owner);

  /// What says which model a job of `engine` gets: the request's own `wanted`, or, where it is
  /// null, the default of the space that has this environment.
  [[nodiscard]] static Json selection_of(Json const& environment, Json const& wanted,
                                         std::string_view engine);

  struct Choice {
    AiEndpoint endpoint;
    std::string model;
  };
  /// The model for a job in a space of `owner` with this environment. `selection` is a name, an
  /// AiModelSelection, or null for any. Names may begin with a provider, "openai/gpt-4o". 503
  /// invocation.dispatch_unavailable, details {reason: "no_model"}, when nothing fits.
  [[nodiscard]] Outcome<Choice> resolve_model(std::string const& owner, Json const& environment,
                                              Json const& selection);

 private:
  struct Known {
    Timestamp of;  ///< which version of the credential
    Clock::time_point until;
    std::string models;  ///< JSON array
  };
  awaitable<void> learn(std::span<Document const> credentials);
  awaitable<void> learn_one(Document const& credential);
  [[nodiscard]] std::vector<Document> usable(std::string const& owner, Json const& environment);

  Documents credentials_;
  Seal& seal_;
  Outside& outside_;
  std::map<std::string, Known> known_;
};

}  // namespace bridge::local
