#include "local/tools.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/uuid.hpp"
#include "base/version.hpp"
#include "local/redaction.hpp"

namespace bridge::local {
namespace {

constexpr std::size_t kReplyMax = 1U << 20;
constexpr std::int64_t kTimeoutSeconds = 30;

struct Builtin {
  std::string_view name;
  std::string_view id;  // the same in every state: sets and scripts may keep it
  std::string_view description;
};
constexpr std::array kBuiltins{
    Builtin{"human_action", "b0117001-0000-4000-8000-000000000004",
            "Asks a person to do what the agent cannot."},
    Builtin{"captcha", "b0117001-0000-4000-8000-000000000003", "Solves captchas of the page."},
    Builtin{"vault", "b0117001-0000-4000-8000-000000000002",
            "Uses secrets that the space has mounted."},
    Builtin{"files", "b0117001-0000-4000-8000-000000000001",
            "Reads and writes files of the space."},
};

Document builtin_document(Builtin const& builtin) {
  Document tool;
  tool.id = builtin.id;
  tool.name = builtin.name;
  tool.body = to_text(Json{{"type", "builtin"},
                           {"builtin", builtin.name},
                           {"description", builtin.description},
                           {"inputSchema", Json{{"type", "object"}}},
                           {"outputSchema", Json::object()},
                           {"metadata", nullptr},
                           {"status", "enabled"}});
  tool.created_at = tool.updated_at = now();
  return tool;
}

ToolResult failure(std::string code, std::string message, Json const& details = Json()) {
  ToolResult result;
  result.code = std::move(code);
  result.message = std::move(message);
  if (details.is_object()) result.details = to_text(details);
  return result;
}

std::string type_of(Document const& tool) {
  return Json::parse(tool.body).at("type");
}

std::string_view execution_type(std::string_view type) {
  if (type == "hosted") return "hosted_function";
  if (type == "mcp") return "mcp_tool";
  if (type == "workflow") return "hosted_workflow";
  if (type == "builtin") return "bctrl_builtin";
  return "webhook";
}

net::HttpRequest webhook_request(Document const& tool, Json const& input) {
  net::HttpRequest request;
  request.method = "POST";
  request.headers = {{"Content-Type", "application/json"},
                     {"Accept", "application/json"},
                     {"User-Agent", fmt::format("bctrl-bridge/{}", version())},
                     {"X-Bctrl-Tool-Id", tool.id}};
  request.body = to_text(input);
  return request;
}

// JSON as such, anything else as text.
Json output_of(net::HttpReply const& reply) {
  if (reply.body.empty()) return nullptr;
  if (auto value = parse_json(reply.body)) return std::move(*value);
  return reply.body;
}

ToolResult result_of(net::HttpReply const& reply, Redaction const& redaction) {
  auto const output = redaction.without_secrets(output_of(reply));
  if (reply.status / 100 == 2) {
    ToolResult result;
    result.ok = true;
    result.output = to_text(output);
    return result;
  }
  auto message =
      fmt::format("The webhook answered {} {}", reply.status, net::http_reason(reply.status));
  if (reply.status / 100 == 3) message += ", and redirects are not followed";
  auto const shown = redaction.shown(output);
  return failure("tool.webhook_failed", message + ".",
                 Json{{"status", reply.status}, {"body", shown}});
}

Json error_view(ToolResult const& result) {
  Json error{{"code", result.code}, {"message", result.message}};
  if (!result.details.empty()) error["details"] = Json::parse(result.details);
  return error;
}

}  // namespace

Tools::Tools(Store& store, Seal& seal, Vault& vault, Outside& outside)
    : store_(store),
      seal_(seal),
      vault_(vault),
      outside_(outside),
      all_(store.database(), "tool"),
      sets_(store.database(), "toolset"),
      calls_(store.database(), "tool_call") {}

Documents& Tools::all() {
  if (has_builtins_) return all_;
  for (auto const& builtin : kBuiltins)
    if (auto made = builtin_document(builtin); !all_.find(made.id) && !all_.add(made))
      throw StoreFailure("a built-in tool's name is taken");
  has_builtins_ = true;
  return all_;
}

std::string Tools::seal_code(std::string_view id, Json const& code) {
  return seal_.seal(to_text(code), fmt::format("tool:{}", id));
}

void Tools::remove(Document const& tool) {
  Transaction whole(store_.database());
  DocumentFilter inside;
  inside.scope = tool.scope;
  for (auto& set : sets_.all(inside)) {
    auto body = Json::parse(set.body);
    auto& ids = body.at("toolIds");
    auto const gone = std::remove(ids.begin(), ids.end(), Json(tool.id));
    if (gone == ids.end()) continue;
    ids.erase(gone, ids.end());
    set.body = to_text(body);
    set.updated_at = now();
    if (!sets_.update(set)) throw StoreFailure("a toolset that was there is gone");
  }
  all_.remove(tool.id);
  whole.commit();
}

void Tools::forget(SpaceId const& space) {
  DocumentFilter inside;
  inside.scope = space.value;
  for (auto* const documents : {&all_, &sets_, &calls_})
    for (auto const& one : documents->all(inside)) documents->remove(one.id);
}

std::string Tools::owner_of(std::string const& space) {
  auto const found = store_.space(SpaceId{space});
  return found ? found->subaccount.value_or("") : "";
}

awaitable<ToolResult> Tools::call_webhook(Document const& tool, Json const& input) {
  auto const body = Json::parse(tool.body);
  auto url = net::parse_url(body.at("url").get_ref<std::string const&>());
  if (!url) co_return failure("tool.webhook_failed", "The tool's url is no address.");
  auto request = webhook_request(tool, input);
  std::vector<std::string> sent_along;
  if (auto const key = body.value("authSecretId", ""); !key.empty()) {
    auto const secret = vault_.text_of(owner_of(tool.scope), key);
    if (!secret)
      co_return failure("vault.secrets.not_found",
                        fmt::format("The tool's secret \"{}\" is not in the vault.", key));
    request.headers.emplace_back("Authorization", "Bearer " + secret->reveal());
    sent_along.push_back(secret->reveal());
  }
  std::chrono::seconds const limit(body.value("timeoutSeconds", kTimeoutSeconds));
  auto const reply = co_await outside_.send(std::move(*url), std::move(request), limit, kReplyMax);
  if (!reply && reply.error().is(Errc::timed_out))
    co_return failure("tool.timed_out",
                      fmt::format("The webhook did not answer within {} s.", limit.count()));
  if (!reply) {
    auto const why = fmt::format("The webhook cannot be reached: {}.", reply.error().text());
    co_return failure("tool.webhook_failed", why);
  }
  Redaction const redaction(std::move(sent_along));
  co_return result_of(*reply, redaction);
}

awaitable<ToolResult> Tools::call(Document tool, Json input) {
  auto const type = type_of(tool);
  if (type == "webhook") {
    auto const begun = Clock::now();
    auto result = co_await call_webhook(tool, input);
    result.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    co_return result;
  }
  if (type == "builtin")
    co_return failure("tool.not_callable",
                      "A built-in tool works within an invocation only: it needs its runtime.");
  co_return failure("local.unsupported",
                    fmt::format("A local backend keeps {} tools, but cannot run them; webhooks it "
                                "can call.",
                                type));
}

void Tools::record(Document const& tool, Json const& input, ToolCaller const& caller,
                   ToolResult const& result, Timestamp begun) {
  auto const& space = tool.scope.empty() ? caller.space : tool.scope;
  Redaction const redaction(vault_.all_texts(owner_of(space)));
  auto const output = result.ok ? Json::parse(result.output) : Json();
  auto const error = result.ok ? Json() : redaction.shown(error_view(result));
  Json body{{"actor", caller.actor},
            {"status", result.ok ? "succeeded" : "failed"},
            {"startedAt", rfc3339(begun)},
            {"finishedAt", rfc3339(now())},
            {"durationSeconds", result.seconds},
            {"runId", nullptr},
            {"invocationId", nullptr},
            {"toolsetId", nullptr},
            {"error", error},
            {"redactedError", error}};
  Json shown{{"id", tool.id}, {"name", *tool.name}};
  shown["executionType"] = execution_type(type_of(tool));
  body["tool"] = std::move(shown);
  body["redactedInput"] = redaction.shown(input);
  body["inputSummary"] = redaction.summary(input);
  body["redactedOutput"] = redaction.shown(output);
  body["outputSummary"] = result.ok ? redaction.summary(output) : Json();
  Document call;
  call.id = new_uuid();
  body["toolCallId"] = call.id;
  call.scope = space;
  call.body = to_text(body);
  call.created_at = call.updated_at = begun;
  if (!calls_.add(call)) throw StoreFailure("an id was made twice");
}

awaitable<ToolResult> Tools::call_and_record(Document tool, Json input, ToolCaller caller) {
  auto const begun = now();
  auto result = co_await call(tool, input);
  record(tool, input, caller, result, begun);
  co_return result;
}

Json tool_view(Document const& tool) {
  auto view = Json::parse(tool.body);
  if (view.at("type") == "hosted") {
    view.erase("sealed");
    view.erase("timeoutSeconds");
    view["currentVersionId"] = nullptr;  // nothing was put into service
  }
  view["id"] = tool.id;
  view["name"] = *tool.name;
  view["spaceId"] = tool.scope.empty() ? Json() : Json(tool.scope);
  view["createdAt"] = rfc3339(tool.created_at);
  view["updatedAt"] = rfc3339(tool.updated_at);
  return view;
}

Json toolset_view(Document const& set) {
  auto view = Json::parse(set.body);
  view["id"] = set.id;
  view["name"] = *set.name;
  view["spaceId"] = set.scope;
  view["createdAt"] = rfc3339(set.created_at);
  view["updatedAt"] = rfc3339(set.updated_at);
  return view;
}

Json tool_call_view(Document const& call) {
  auto view = Json::parse(call.body);
  view["id"] = call.id;
  view["spaceId"] = call.scope;
  view["createdAt"] = rfc3339(call.created_at);
  return view;
}

}  // namespace bridge::local
