#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/uuid.hpp"
#include "local/json.hpp"
#include "local/operations.hpp"
#include "local/text.hpp"
#include "local/tools.hpp"
#include "local/vault.hpp"
#include "local/views.hpp"

namespace bridge::local {
namespace {

constexpr std::size_t kNameMax = 200;
constexpr std::int64_t kTimeoutMax = 600;

std::optional<Problem> check_name(Json const& body) {
  auto const name = body.find("name");
  if (name == body.end()) return std::nullopt;
  auto const length = length_of(name->get_ref<std::string const&>());
  if (length > 0 && length <= kNameMax) return std::nullopt;
  return Problem::invalid("name", "name must have 1 to 200 characters.");
}

std::optional<Problem> check_tool(Json const& body) {
  if (auto problem = check_name(body)) return problem;
  if (auto const time = body.find("timeoutSeconds"); time != body.end())
    if (auto const seconds = time->get<double>(); seconds < 1 || seconds > kTimeoutMax)
      return Problem::invalid("timeoutSeconds", "timeoutSeconds must be from 1 to 600.");
  if (auto const url = body.find("url"); url != body.end()) {
    auto const read = net::parse_url(url->get_ref<std::string const&>());
    if (!read || read->is_ws())
      return Problem::invalid("url", "url must be an http or https address.");
    if (!read->userinfo.empty())
      return Problem::invalid("url", "url must be without a user; name a secret in authSecretId.");
  }
  if (auto const secret = body.find("authSecretId"); secret != body.end() && secret->is_string())
    if (check_vault_key(secret->get_ref<std::string const&>()))
      return Problem::invalid("authSecretId", "authSecretId must be a key of the vault.");
  return std::nullopt;
}

Problem conflict(std::string_view code, std::string_view kind) {
  Problem problem(409, std::string(code),
                  "This space has a " + std::string(kind) + " of that name.");
  problem.details = R"({"field":"name"})";
  return problem;
}

// What is in no space is everybody's.
bool is_visible(Parts& parts, Call const& call, std::string const& scope) {
  if (scope.empty()) return true;
  auto const space = parts.store.space(SpaceId{scope});
  return space && call.caller.may_see(space->subaccount);
}

Outcome<Document> find_in(Parts& parts, Call const& call, Documents& documents,
                          std::string_view kind, std::string const& id) {
  auto found = documents.find(id);
  if (!found || !is_visible(parts, call, found->scope)) return Problem::not_found(kind, id);
  return std::move(*found);
}

Outcome<Document> find_tool(Parts& parts, Call const& call) {
  return find_in(parts, call, parts.tools.all(), "tool", call.parameters.at("toolId"));
}

Outcome<Document> find_set(Parts& parts, Call const& call) {
  return find_in(parts, call, parts.tools.sets(), "toolset", call.parameters.at("toolsetId"));
}

/// A page of those that the caller may see, of the space that the query names and of no space.
template <class View>
Outcome<net::HttpReply> list_of(Parts& parts, Call const& call, Documents& documents,
                                DocumentFilter const& filter, View view) {
  auto const range = read_range(call.query);
  if (!range) return range.error();
  std::optional<std::string> space;
  if (auto const named = call.query.one("spaceId")) {
    auto const found = find_space(parts, call, *named);
    if (!found) return found.error();
    space = found->id.value;
  }
  auto const wanted = [&](Document const& document) {
    if (space && !document.scope.empty() && document.scope != *space) return false;
    return is_visible(parts, call, document.scope);
  };
  return list_reply(documents.list_if(filter, *range, wanted), view);
}

awaitable<Outcome<net::HttpReply>> list_tools(Parts& parts, Call const& call) {
  co_return list_of(parts, call, parts.tools.all(), {}, tool_view);
}

/// Members that are kept as they are given; null is what they are without.
void take(Json const& given, std::initializer_list<char const*> names, Json& body) {
  for (auto const* const name : names)
    if (auto const member = given.find(name); member != given.end()) body[name] = *member;
}

awaitable<Outcome<net::HttpReply>> create_tool(Parts& parts, Call const& call) {
  auto const& given = call.body;
  if (auto problem = check_tool(given)) co_return std::move(*problem);
  auto const space = find_space(parts, call, given.value("spaceId", "default"));
  if (!space) co_return space.error();
  Document tool;
  tool.id = new_uuid();
  tool.scope = space->id.value;
  tool.name = given.at("name").get<std::string>();
  Json body{{"type", given.at("type")},
            {"description", nullptr},
            {"inputSchema", Json{{"type", "object"}}},
            {"outputSchema", Json::object()},
            {"metadata", nullptr},
            {"status", "enabled"}};
  take(given,
       {"description", "inputSchema", "outputSchema", "metadata", "status", "timeoutSeconds"},
       body);
  if (given.at("type") == "webhook") {
    take(given, {"url", "authSecretId"}, body);
  } else {
    Json code{{"source", given.at("source")}};
    take(given, {"env"}, code);
    body["sealed"] = parts.tools.seal_code(tool.id, code);
  }
  tool.body = to_text(body);
  tool.created_at = tool.updated_at = now();
  if (!parts.tools.all().add(tool)) co_return conflict("tool.name_conflict", "tool");
  co_return json_reply(201, tool_view(tool));
}

awaitable<Outcome<net::HttpReply>> get_tool(Parts& parts, Call const& call) {
  auto const tool = find_tool(parts, call);
  if (!tool) co_return tool.error();
  co_return json_reply(200, tool_view(*tool));
}

Problem built_in() {
  return Problem(403, "permission.denied", "Built-in tools are as they are.");
}

awaitable<Outcome<net::HttpReply>> update_tool(Parts& parts, Call const& call) {
  auto tool = find_tool(parts, call);
  if (!tool) co_return tool.error();
  if (tool->scope.empty()) co_return built_in();
  if (auto problem = check_tool(call.body)) co_return std::move(*problem);
  auto body = Json::parse(tool->body);
  take(call.body,
       {"description", "inputSchema", "outputSchema", "metadata", "status", "timeoutSeconds"},
       body);
  if (body.at("type") == "webhook") take(call.body, {"authSecretId"}, body);
  if (auto const secret = body.find("authSecretId"); secret != body.end() && secret->is_null())
    body.erase(secret);
  if (auto const name = call.body.find("name"); name != call.body.end()) tool->name = *name;
  tool->body = to_text(body);
  tool->updated_at = now();
  if (!parts.tools.all().update(*tool)) co_return conflict("tool.name_conflict", "tool");
  co_return json_reply(200, tool_view(*tool));
}

awaitable<Outcome<net::HttpReply>> remove_tool(Parts& parts, Call const& call) {
  auto const tool = find_tool(parts, call);
  if (!tool) co_return tool.error();
  if (tool->scope.empty()) co_return built_in();
  parts.tools.remove(*tool);
  co_return json_reply(200, Json{{"id", tool->id}, {"deleted", true}});
}

Json test_view(ToolResult const& result) {
  Json view{{"ok", result.ok}, {"latencySeconds", result.seconds}};
  if (result.ok) {
    view["output"] = Json::parse(result.output);
    return view;
  }
  Json detail{{"code", result.code}, {"message", result.message}};
  if (!result.details.empty()) detail["details"] = Json::parse(result.details);
  view["error"] = result.message;
  view["errorDetail"] = std::move(detail);
  return view;
}

awaitable<Outcome<net::HttpReply>> test_tool(Parts& parts, Call const& call) {
  auto const tool = find_tool(parts, call);
  if (!tool) co_return tool.error();
  auto input = call.body.value("input", Json::object());
  ToolCaller caller;
  caller.actor = "test";
  caller.space = parts.accounts.default_space(call.caller).value;
  Document const found = *tool;
  if (!call.body.value("record", true)) {
    auto const result = co_await parts.tools.call(found, std::move(input));
    co_return json_reply(200, test_view(result));
  }
  auto const result =
      co_await parts.tools.call_and_record(found, std::move(input), std::move(caller));
  co_return json_reply(200, test_view(result));
}

awaitable<Outcome<net::HttpReply>> list_sets(Parts& parts, Call const& call) {
  co_return list_of(parts, call, parts.tools.sets(), {}, toolset_view);
}

/// Reads builtins, toolIds and metadata. Tools are of the set's space, or of none.
std::optional<Problem> merge_set(Parts& parts, std::string const& space, Json const& given,
                                 Json& body) {
  take(given, {"builtins", "metadata"}, body);
  auto const ids = given.find("toolIds");
  if (ids == given.end()) return std::nullopt;
  for (std::size_t i = 0; i < ids->size(); ++i) {
    auto const tool = parts.tools.all().find(ids->at(i).get_ref<std::string const&>());
    if (!tool || (!tool->scope.empty() && tool->scope != space))
      return Problem::invalid("toolIds[" + std::to_string(i) + "]",
                              "toolIds must name tools of the toolset's space.");
  }
  body["toolIds"] = *ids;
  return std::nullopt;
}

awaitable<Outcome<net::HttpReply>> create_set(Parts& parts, Call const& call) {
  if (auto problem = check_name(call.body)) co_return std::move(*problem);
  auto const space = find_space(parts, call, call.body.value("spaceId", "default"));
  if (!space) co_return space.error();
  Document set;
  set.id = new_uuid();
  set.scope = space->id.value;
  set.name = call.body.at("name").get<std::string>();
  Json body{{"builtins", Json::array()}, {"toolIds", Json::array()}, {"metadata", nullptr}};
  if (auto problem = merge_set(parts, set.scope, call.body, body)) co_return std::move(*problem);
  set.body = to_text(body);
  set.created_at = set.updated_at = now();
  if (!parts.tools.sets().add(set)) co_return conflict("toolset.name_conflict", "toolset");
  co_return json_reply(201, toolset_view(set));
}

awaitable<Outcome<net::HttpReply>> get_set(Parts& parts, Call const& call) {
  auto const set = find_set(parts, call);
  if (!set) co_return set.error();
  co_return json_reply(200, toolset_view(*set));
}

awaitable<Outcome<net::HttpReply>> update_set(Parts& parts, Call const& call) {
  auto set = find_set(parts, call);
  if (!set) co_return set.error();
  if (auto problem = check_name(call.body)) co_return std::move(*problem);
  auto body = Json::parse(set->body);
  if (auto problem = merge_set(parts, set->scope, call.body, body)) co_return std::move(*problem);
  if (auto const name = call.body.find("name"); name != call.body.end()) set->name = *name;
  set->body = to_text(body);
  set->updated_at = now();
  if (!parts.tools.sets().update(*set)) co_return conflict("toolset.name_conflict", "toolset");
  co_return json_reply(200, toolset_view(*set));
}

awaitable<Outcome<net::HttpReply>> remove_set(Parts& parts, Call const& call) {
  auto const set = find_set(parts, call);
  if (!set) co_return set.error();
  parts.tools.sets().remove(set->id);
  co_return json_reply(200, Json{{"id", set->id}, {"deleted", true}});
}

awaitable<Outcome<net::HttpReply>> list_calls(Parts& parts, Call const& call) {
  DocumentFilter filter;
  filter.members.push_back({"tool.id", call.query.all("toolId")});
  for (auto const* const name : {"runId", "invocationId", "status", "actor"})
    filter.members.push_back({name, call.query.all(name)});
  co_return list_of(parts, call, parts.tools.calls(), filter, tool_call_view);
}

awaitable<Outcome<net::HttpReply>> get_call(Parts& parts, Call const& call) {
  auto const& id = call.parameters.at("toolCallId");
  auto const found = find_in(parts, call, parts.tools.calls(), "tool_call", id);
  if (!found) co_return found.error();
  co_return json_reply(200, tool_call_view(*found));
}

constexpr std::string_view kTools = "/v1/tools";
constexpr std::string_view kTool = "/v1/tools/{toolId}";
constexpr std::string_view kSets = "/v1/toolsets";
constexpr std::string_view kSet = "/v1/toolsets/{toolsetId}";

constexpr std::array kRows{
    Operation{{"tools.list", "GET", kTools}, list_tools},
    Operation{{"tools.create", "POST", kTools}, create_tool},
    Operation{{"tools.get", "GET", kTool}, get_tool},
    Operation{{"tools.update", "PATCH", kTool}, update_tool},
    Operation{{"tools.delete", "DELETE", kTool}, remove_tool},
    Operation{{"tools.test", "POST", "/v1/tools/{toolId}/test"}, test_tool},
    Operation{{"toolsets.list", "GET", kSets}, list_sets},
    Operation{{"toolsets.create", "POST", kSets}, create_set},
    Operation{{"toolsets.get", "GET", kSet}, get_set},
    Operation{{"toolsets.update", "PATCH", kSet}, update_set},
    Operation{{"toolsets.delete", "DELETE", kSet}, remove_set},
    Operation{{"tool-calls.list", "GET", "/v1/tool-calls"}, list_calls},
    Operation{{"tool-calls.get", "GET", "/v1/tool-calls/{toolCallId}"}, get_call},
};

}  // namespace

std::span<Operation const> tool_operations() {
  return kRows;
}

}  // namespace bridge::local
