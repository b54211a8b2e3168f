#include "local/model_choice.hpp"

#include <array>
#include <nlohmann/json.hpp>

namespace bridge::local {
namespace {

struct Parameter {
  char const* name;  ///< the contract's
  char const* sent;
};
// Nothing that would change what an answer looks like: streams, tools, formats.
constexpr std::array kParameters{
    Parameter{"temperature", "temperature"},
    Parameter{"top_p", "top_p"},
    Parameter{"topP", "top_p"},
    Parameter{"max_tokens", "max_tokens"},
    Parameter{"maxTokens", "max_tokens"},
    Parameter{"max_completion_tokens", "max_completion_tokens"},
    Parameter{"frequency_penalty", "frequency_penalty"},
    Parameter{"presence_penalty", "presence_penalty"},
    Parameter{"seed", "seed"},
    Parameter{"reasoning_effort", "reasoning_effort"},
    Parameter{"reasoningEffort", "reasoning_effort"},
};

}  // namespace

Json chat_parameters(Json const& selection) {
  auto parameters = Json::object();
  if (!selection.is_object()) return parameters;
  for (auto const& parameter : kParameters)
    if (auto const given = selection.find(parameter.name); given != selection.end())
      parameters[parameter.sent] = *given;
  return parameters;
}

FindModel model_finder(Store& store, Ai& ai, Outside& outside) {
  return [&](RuntimeId const& runtime, Json const& wanted,
             std::string_view engine) -> Outcome<std::unique_ptr<ChatModel>> {
    auto const row = store.runtime(runtime);
    auto const space = row ? store.space(row->space) : std::nullopt;
    if (!space) return Problem::not_found("runtime", runtime.value);
    auto const environment = space->environment ? Json::parse(*space->environment) : Json::object();
    auto const selection = Ai::selection_of(environment, wanted, engine);
    auto choice = ai.resolve_model(space->subaccount.value_or(""), environment, selection);
    if (!choice) return choice.error();
    auto const reach = outside.reach();
    auto url = choice->endpoint.url("/chat/completions");
    if (!reach || !url) {
      Problem problem(503, "invocation.dispatch_unavailable",
                      "The model's provider cannot be reached from here.");
      problem.details = to_text(Json{{"reason", "provider_unreachable"}});
      return problem;
    }
    ChatModel::Options options;
    options.url = std::move(*url);
    options.headers = choice->endpoint.authorization();
    options.model = std::move(choice->model);
    options.parameters = chat_parameters(selection);
    return std::make_unique<ChatModel>(outside.loop(), **reach, std::move(options));
  };
}

}  // namespace bridge::local
