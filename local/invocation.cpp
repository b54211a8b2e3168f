#include "local/invocation.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "local/output_schema.hpp"
#include "local/waiting.hpp"

namespace bridge::local {
namespace {

constexpr std::int64_t kLimitMax = 3600;
constexpr std::int64_t kStepsMax = 200;

PageChoice read_target(Json const& body) {
  PageChoice choice;
  auto const target = body.find("target");
  if (target == body.end()) return choice;
  if (target->is_object()) {
    choice.kind = PageChoice::Kind::target;
    choice.target = target->at("id").get<std::string>();
  } else if (*target == "new") {
    choice.kind = PageChoice::Kind::fresh;
  }
  return choice;
}

std::optional<Problem> check_act(Json const& body) {
  bool const exact = body.contains("stagehandAction");
  if (exact == body.contains("instruction"))
    return Problem::invalid(exact ? "stagehandAction" : "instruction",
                            "act takes either an instruction or a stagehandAction.");
  return std::nullopt;
}

std::optional<Problem> check_instruction(Json const& body) {
  auto const instruction = body.find("instruction");
  if (instruction == body.end()) return std::nullopt;
  if (instruction->get_ref<std::string const&>().find_first_not_of(" \t\n") == std::string::npos)
    return Problem::invalid("instruction", "instruction must say what to do.");
  return std::nullopt;
}

std::optional<Problem> check_counts(Json const& body) {
  for (auto const field : {"maxSteps", "maxFailures", "maxActionsPerStep", "stepTimeoutSeconds"})
    if (auto const number = read_seconds(body, field, 1, kStepsMax); !number) return number.error();
  return std::nullopt;
}

std::optional<Problem> check_tools(Json const& body) {
  bool const single = body.contains("tools") || body.contains("toolIds");
  if (body.contains("toolsetId") && single)
    return Problem::invalid("toolsetId", "toolsetId excludes tools and toolIds.");
  return std::nullopt;
}

std::optional<Problem> check_output_schema(Json const& body) {
  auto const schema = body.find("outputSchema");
  if (schema == body.end()) return std::nullopt;
  auto const wrong = problem_of_schema(*schema);
  if (!wrong) return std::nullopt;
  Problem problem(400, "invocation.output_schema_invalid",
                  fmt::format("outputSchema cannot be used: {}.", *wrong));
  problem.details = to_text(Json{{"field", "outputSchema"}});
  return problem;
}

}  // namespace

Outcome<InvocationRequest> read_invocation(Json const& body) {
  InvocationRequest request;
  request.action = body.at("action").get<std::string>();
  request.body = body;
  request.page = read_target(body);
  if (request.action == "act")
    if (auto problem = check_act(body)) return std::move(*problem);
  for (auto const check : {check_instruction, check_counts, check_tools, check_output_schema})
    if (auto problem = check(body)) return std::move(*problem);
  if (auto const element = body.find("stagehandAction"); element != body.end()) {
    auto action = read_element_action(*element);
    if (!action) return action.error();
    request.element = std::move(*action);
  }
  auto const limit = read_seconds(body, "timeoutSeconds", 1, kLimitMax);
  if (!limit) return limit.error();
  request.limit = *limit;
  return request;
}

InvocationEnd InvocationEnd::success(Json output) {
  InvocationEnd end;
  end.status = "succeeded";
  end.output = std::move(output);
  return end;
}

InvocationEnd InvocationEnd::failure(std::string_view code, std::string message, Json details) {
  InvocationEnd end;
  end.status = "failed";
  end.code = fmt::format("invocation.{}", code);
  end.message = std::move(message);
  end.details = std::move(details);
  return end;
}

}  // namespace bridge::local
