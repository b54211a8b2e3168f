#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

#include "base/uuid.hpp"
#include "local/json.hpp"
#include "local/operations.hpp"
#include "local/views.hpp"

namespace bridge::local {
namespace {

constexpr std::size_t kDigitsMax = 15;  // E.164
constexpr std::size_t kAddressMax = 254;

Documents recipients(Parts& parts) {
  return {parts.store.database(), "notification_recipient"};
}

bool is_phone(std::string_view text) {
  if (!text.starts_with('+')) return false;
  text.remove_prefix(1);
  return text.size() >= 7 && text.size() <= kDigitsMax &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
}

bool is_email(std::string_view text) {
  auto const at = text.find('@');
  return text.size() <= kAddressMax && at != std::string_view::npos && at > 0 &&
         at + 1 < text.size() && text.find('@', at + 1) == std::string_view::npos &&
         std::none_of(text.begin(), text.end(), [](unsigned char c) { return c <= 0x20; });
}

std::optional<Problem> check_value(std::string const& type, std::string const& value) {
  if (type == "email" && !is_email(value))
    return Problem::invalid("value", "value must be an e-mail address.");
  if (type != "email" && !is_phone(value))
    return Problem::invalid("value", "value must be a phone number such as +14155550100.");
  return std::nullopt;
}

Json view_of(Document const& recipient) {
  auto view = Json::parse(recipient.body);
  view["id"] = recipient.id;
  view["createdAt"] = rfc3339(recipient.created_at);
  view["updatedAt"] = rfc3339(recipient.updated_at);
  return view;
}

// An address is there once, by each way.
void keep(Json const& body, Document& recipient) {
  recipient.name = body.at("type").get<std::string>() + " " + body.at("value").get<std::string>();
  recipient.body = to_text(body);
}

Problem conflict() {
  Problem problem(409, "notification_recipient.conflict", "This recipient is there already.");
  problem.details = to_text(Json{{"field", "value"}});
  return problem;
}

awaitable<Outcome<net::HttpReply>> list(Parts& parts, Call const& call) {
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  DocumentFilter filter;
  filter.scope = call.caller.subaccount;
  filter.members.push_back({"type", call.query.all("type")});
  if (auto const enabled = call.query.one("enabled"))
    filter.members.push_back({"enabled", {*enabled}});
  co_return list_reply(recipients(parts).list(filter, *range), view_of);
}

awaitable<Outcome<net::HttpReply>> create(Parts& parts, Call const& call) {
  auto const& body = call.body;
  if (auto problem = check_value(body.at("type"), body.at("value"))) co_return std::move(*problem);
  Document made;
  made.id = new_uuid();
  made.scope = call.caller.subaccount.value_or("");
  made.created_at = made.updated_at = now();
  Json kept{{"type", body.at("type")},
            {"value", body.at("value")},
            {"name", body.value("name", Json())},
            {"enabled", true},
            {"subaccountId", nullptr}};
  if (call.caller.subaccount) kept["subaccountId"] = *call.caller.subaccount;
  keep(kept, made);
  if (!recipients(parts).add(made)) co_return conflict();
  co_return json_reply(201, view_of(made));
}

Outcome<Document> find(Parts& parts, Call const& call) {
  auto const& id = call.parameters.at("recipientId");
  auto found = recipients(parts).find(id);
  if (!found || (call.caller.subaccount && found->scope != *call.caller.subaccount))
    return Problem::not_found("notification_recipient", id);
  return std::move(*found);
}

awaitable<Outcome<net::HttpReply>> update(Parts& parts, Call const& call) {
  auto recipient = find(parts, call);
  if (!recipient) co_return recipient.error();
  auto body = Json::parse(recipient->body);
  for (auto const member : {"enabled", "name", "value"})
    if (call.body.contains(member)) body[member] = call.body.at(member);
  if (auto problem = check_value(body.at("type"), body.at("value"))) co_return std::move(*problem);
  keep(body, *recipient);
  recipient->updated_at = now();
  if (!recipients(parts).update(*recipient)) co_return conflict();
  co_return json_reply(200, view_of(*recipient));
}

awaitable<Outcome<net::HttpReply>> remove(Parts& parts, Call const& call) {
  auto const recipient = find(parts, call);
  if (!recipient) co_return recipient.error();
  recipients(parts).remove(recipient->id);
  co_return json_reply(200, Json{{"id", recipient->id}, {"deleted", true}});
}

constexpr std::string_view kAll = "/v1/notification-recipients";
constexpr std::string_view kOne = "/v1/notification-recipients/{recipientId}";

constexpr std::array kRows{
    Operation{{"notification-recipients.list", "GET", kAll}, list},
    Operation{{"notification-recipients.create", "POST", kAll}, create},
    Operation{{"notification-recipients.update", "PATCH", kOne}, update},
    Operation{{"notification-recipients.delete", "DELETE", kOne}, remove},
};

}  // namespace

std::span<Operation const> recipient_operations() {
  return kRows;
}

}  // namespace bridge::local
