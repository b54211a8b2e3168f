#include "local/human_actions.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/uuid.hpp"

namespace bridge::local {
namespace {

// Documents of one scope must not share a name, which makes two pending requests impossible.
constexpr auto kPending = "pending";
constexpr auto kRetryAfterSeconds = 1;

Json view(Document const& document) {
  auto body = Json::parse(document.body);
  body.erase("expiresAtMillis");
  body["id"] = document.id;
  body["runtimeId"] = document.scope;
  body["createdAt"] = rfc3339(document.created_at);
  body["updatedAt"] = rfc3339(document.updated_at);
  return body;
}

std::optional<Timestamp> expiry(Json const& body) {
  auto const when = body.find("expiresAtMillis");
  if (when == body.end()) return std::nullopt;
  return moment(when->get<std::int64_t>());
}

std::optional<RunId> run_of(Document const& document) {
  auto const body = Json::parse(document.body);
  auto const& run = body.at("runId");
  return run.is_string() ? std::optional(RunId{run.get<std::string>()}) : std::nullopt;
}

bool is_active(std::optional<Run> const& run) {
  return run && run->status == Status::active;
}

Problem none_yet(RuntimeId const& runtime) {
  return Problem(404, "human_action.not_found",
                 fmt::format("Runtime \"{}\" has had no human action.", runtime.value));
}

// For Clock, which does not follow changes of the calendar.
Clock::time_point on_clock(Timestamp when) {
  return Clock::now() + std::max<Duration>(when - now(), Duration::zero());
}

}  // namespace

HumanActions::HumanActions(net::Loop& loop, Store& store, NoteActivity note)
    : store_(store),
      documents_(store.database(), "human_action"),
      note_(std::move(note)),
      changed_(loop.executor()),
      tasks_(loop.executor()) {}

// A killed process cancels nothing, and its runs have ended with it.
void HumanActions::start() {
  for (auto& left : all_pending()) {
    auto const run = run_of(left);
    if (run && !is_active(store_.run(*run))) end(left, "cancelled", now());
  }
  tasks_.spawn("human actions", keep_time());
}

awaitable<void> HumanActions::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

void HumanActions::run_ends(RunId const& run) {
  for (auto& one : all_pending())
    if (run_of(one) == run) end(one, "cancelled", now());
}

std::vector<Document> HumanActions::all_pending() {
  DocumentFilter filter;
  filter.members.push_back({"status", {"requested"}});
  return documents_.all(filter);
}

Outcome<Json> HumanActions::create(Request const& request) {
  Json body{{"runId", nullptr},      {"invocationId", nullptr}, {"message", request.message},
            {"status", "requested"}, {"completedAt", nullptr},  {"cancelledAt", nullptr},
            {"expiredAt", nullptr},  {"expiresAt", nullptr}};
  if (request.run) body["runId"] = request.run->value;
  Document document;
  document.id = new_uuid();
  document.scope = request.runtime.value;
  document.name = kPending;
  document.created_at = document.updated_at = now();
  if (request.timeout) {
    auto const expires = document.created_at + *request.timeout;
    body["expiresAt"] = rfc3339(expires);
    body["expiresAtMillis"] = millis(expires);
  }
  document.body = to_text(body);
  [[maybe_unused]] auto const next = expire();  // one that is over must not stand in the way
  if (!documents_.add(document)) {
    auto const pending = documents_.named(document.scope, kPending);
    Problem problem(409, "human_action.pending",
                    "Another human action of this runtime waits for its person.",
                    "Complete or cancel it first.");
    if (pending) problem.details = to_text(Json{{"humanActionId", pending->id}});
    return problem;
  }
  body["id"] = document.id;
  tell(body, "requested");
  tell_recipients(request.runtime, body);
  changed_.notify_all();
  return view(document);
}

std::optional<Document> HumanActions::latest(RuntimeId const& runtime) {
  [[maybe_unused]] auto const next = expire();
  if (auto pending = documents_.named(runtime.value, kPending)) return pending;
  DocumentFilter filter;
  filter.scope = runtime.value;
  auto slice = documents_.list(filter, Range{1, std::nullopt});
  if (slice.rows.empty()) return std::nullopt;
  return std::move(slice.rows.front());
}

Outcome<Json> HumanActions::get(RuntimeId const& runtime) {
  auto const found = latest(runtime);
  if (!found) return none_yet(runtime);
  return view(*found);
}

Outcome<Json> HumanActions::resolve(RuntimeId const& runtime, std::string_view status) {
  auto found = latest(runtime);
  if (!found) return none_yet(runtime);
  if (found->name != kPending) {
    Problem problem(409, "human_action.not_pending", "This human action has ended already.");
    problem.details = to_text(Json{{"status", Json::parse(found->body).at("status")}});
    return problem;
  }
  end(*found, status, now());
  return view(*found);
}

void HumanActions::end(Document& document, std::string_view status, Timestamp when) {
  auto body = Json::parse(document.body);
  body["status"] = status;
  body[fmt::format("{}At", status)] = rfc3339(when);
  document.body = to_text(body);
  document.name.reset();
  document.updated_at = when;
  if (!documents_.update(document)) return;  // its runtime has been deleted
  body["id"] = document.id;
  tell(body, status);
  changed_.notify_all();
}

// Ends what is over. Returns when the next one is.
std::optional<Timestamp> HumanActions::expire() {
  std::optional<Timestamp> next;
  for (auto& one : all_pending()) {
    auto const when = expiry(Json::parse(one.body));
    if (!when) continue;
    if (*when <= now())
      end(one, "expired", *when);
    else
      next = next ? std::min(*next, *when) : *when;
  }
  return next;
}

awaitable<void> HumanActions::keep_time() {
  for (;;) {
    auto const next = expire();
    auto const ex = co_await asio::this_coro::executor;
    asio::steady_timer timer(ex, next ? on_clock(*next) : Clock::time_point::max());
    co_await (changed_.wait() || timer.async_wait(no_throw));
  }
}

awaitable<Outcome<Json>> HumanActions::wait(RuntimeId runtime, Duration limit) {
  auto const ex = co_await asio::this_coro::executor;
  asio::steady_timer timer(ex, limit);
  auto const first = latest(runtime);
  if (!first) co_return none_yet(runtime);
  bool over = false;
  for (;;) {
    auto const found = documents_.find(first->id);
    if (!found) co_return Problem::not_found("runtime", runtime.value);
    auto shown = view(*found);
    bool const resolved = found->name != kPending;
    if (resolved || over) {
      shown["waitStatus"] = resolved ? "resolved" : "timeout";
      if (!resolved) shown["retryAfterSeconds"] = kRetryAfterSeconds;
      co_return shown;
    }
    auto const what = co_await (changed_.wait() || timer.async_wait(no_throw));
    over = what.index() == 1;
  }
}

void HumanActions::tell(Json const& body, std::string_view status) {
  if (body.at("runId").is_null()) return;  // activity belongs to a run
  RunId const run{body.at("runId").get<std::string>()};
  Activity activity;
  activity.type = fmt::format("human_action.{}", status);
  activity.category = "system";
  activity.message = status == "requested" ? fmt::format("A person is asked: {}",
                                                         body.at("message").get<std::string>())
                                           : fmt::format("The human action is {}", status);
  activity.status = status;
  activity.data = to_text(Json{{"humanActionId", body.at("id")}});
  note_(run, activity);
}

// BCTRL would write to them. Nothing leaves this machine, and the activity says so.
void HumanActions::tell_recipients(RuntimeId const& runtime, Json const& body) {
  if (body.at("runId").is_null()) return;
  auto const row = store_.runtime(runtime);
  auto const space = row ? store_.space(row->space) : std::nullopt;
  if (!space) return;
  RunId const run{body.at("runId").get<std::string>()};
  Documents recipients(store_.database(), "notification_recipient");
  DocumentFilter filter;
  filter.scope = space->subaccount.value_or("");
  filter.members.push_back({"enabled", {"true"}});
  for (auto const& recipient : recipients.all(filter)) {
    auto const kind = Json::parse(recipient.body).value("type", "");
    Activity activity;
    activity.type = "notification.not_sent";
    activity.category = "system";
    activity.severity = "warning";
    activity.status = "not_sent";
    activity.message = fmt::format("Not sent: the local backend delivers no {} messages", kind);
    activity.data = to_text(Json{{"humanActionId", body.at("id")},
                                 {"recipientId", recipient.id},
                                 {"type", kind},
                                 {"sent", false}});
    note_(run, activity);
  }
}

}  // namespace bridge::local
