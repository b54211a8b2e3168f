#include "local/invocations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/scope_exit.hpp"
#include "base/uuid.hpp"

namespace bridge::local {
namespace {

constexpr std::string_view kKind = "invocation";
constexpr std::size_t kLineMax = 100;
constexpr std::chrono::seconds kLimitDefault{300};
constexpr auto kRetryAfterSeconds = 1;

Problem unknown(std::string const& id) {
  return Problem::not_found("invocation", id);
}

bool has_ended(Json const& body) {
  return body.contains("finishedAt");
}

// What the store keeps is the API's object, less what every document has.
Json view(Document const& document) {
  auto view = Json::parse(document.body);
  view.erase("startedAtMillis");
  view["id"] = document.id;
  view["runId"] = document.scope;
  view["createdAt"] = rfc3339(document.created_at);
  return view;
}

Json error_of(InvocationEnd const& end) {
  Json error{{"code", end.code}, {"message", end.message}};
  if (end.details.is_object()) error["details"] = end.details;
  return error;
}

void write_end(Document& document, InvocationEnd const& end, Timestamp when) {
  auto body = Json::parse(document.body);
  body["status"] = end.status;
  body["finishedAt"] = rfc3339(when);
  if (auto const started = body.find("startedAtMillis"); started != body.end())
    body["durationSeconds"] =
        std::chrono::duration<double>(when - moment(started->get<std::int64_t>())).count();
  if (end.status == "succeeded")
    body["output"] = end.output;
  else
    body["error"] = error_of(end);
  document.body = to_text(body);
  document.updated_at = when;
}

InvocationEnd cancelled() {
  auto end = InvocationEnd::failure("cancelled", "It was cancelled.");
  end.status = "cancelled";
  return end;
}

InvocationEnd browser_gone() {
  return InvocationEnd::failure("failed", "The browser is gone.", Json{{"reason", "run_ended"}});
}

}  // namespace

/// One invocation that has not ended.
struct Invocations::Job {
  Job(net::Loop& loop, Document document_, RuntimeId runtime_, InvocationRequest request_)
      : document(std::move(document_)),
        run(document.scope),
        runtime(std::move(runtime_)),
        request(std::move(request_)),
        cancel(loop.executor()),
        deadline(loop.executor(), request.limit.value_or(kLimitDefault)) {
    request.deadline = deadline.expiry();
  }

  Document document;
  RunId run;
  RuntimeId runtime;
  InvocationRequest request;
  std::optional<Lock::Lease> lease;
  net::Signal cancel;
  bool cancelling = false;
  asio::steady_timer deadline;  // counts from the creation: waiting in line is part of it
};

Invocations::Invocations(net::Loop& loop, Store& store, Runtimes& runtimes, NoteActivity note,
                         Work work)
    : loop_(loop),
      database_(store.database()),
      documents_(database_, kKind),
      runtimes_(runtimes),
      note_(std::move(note)),
      work_(std::move(work)),
      changed_(loop.executor()),
      tasks_(loop.executor()) {
  fail_interrupted();
}

void Invocations::fail_interrupted() {
  DocumentFilter filter;
  filter.members.push_back({"status", {"queued", "dispatching", "running", "cancelling"}});
  auto const end = InvocationEnd::failure(
      "failed", "The local backend ended while it was under way.", Json{{"reason", "interrupted"}});
  for (auto& document : documents_.all(filter)) {
    write_end(document, end, now());
    [[maybe_unused]] bool const written = documents_.update(document);
  }
}

awaitable<void> Invocations::stop() {
  for (auto const& [id, job] : jobs_) {
    job->cancelling = true;
    job->cancel.notify();
  }
  changed_.notify_all();
  co_await tasks_.join();
}

Outcome<Json> Invocations::create(RuntimeId const& runtime, InvocationRequest request) {
  auto const run = runtimes_.active_run(runtime);
  if (!run)
    return Problem(409, "runtime.not_executable", "The runtime is not active.", "Start it first.");
  if (auto const line = lines_.find(*run);
      line != lines_.end() && line->second.size() >= kLineMax) {
    Problem problem(429, "rate_limited", "Too many invocations wait for this runtime.");
    problem.headers.emplace_back("Retry-After", "1");
    return problem;
  }
  auto const admission = runtimes_.admit(*run, Controller::invocation);
  if (auto const* const held = std::get_if<Lock::Busy>(&admission)) return controller_busy(*held);
  Document document;
  document.id = new_uuid();
  document.scope = run->value;
  document.created_at = document.updated_at = now();
  document.body =
      to_text(Json{{"runtimeId", runtime.value}, {"action", request.action}, {"status", "queued"}});
  auto job = std::make_unique<Job>(loop_, document, runtime, std::move(request));
  if (auto const* const admitted = std::get_if<Runtimes::Admitted>(&admission))
    job->lease = admitted->lease;
  auto let_go = scope_exit([&] {
    if (job && job->lease) runtimes_.release(*run, *job->lease);
  });
  if (!documents_.add(document)) return Problem(500, "server.error", "It could not be kept.");
  job->document = document;
  jobs_.emplace(document.id, job.get());
  lines_[*run].push_back(job.get());
  tasks_.spawn("invocation", live(std::move(job)));
  return view(document);
}

Outcome<Json> Invocations::cancel(RuntimeId const& runtime, std::string const& id) {
  auto const found = find(runtime, id);
  if (!found) return unknown(id);
  auto const job = jobs_.find(id);
  if (job == jobs_.end()) return view(*found);
  job->second->cancelling = true;
  set_status(*job->second, "cancelling");
  job->second->cancel.notify();
  changed_.notify_all();
  return view(job->second->document);
}

awaitable<Outcome<Json>> Invocations::wait(RuntimeId runtime, std::string id, Duration limit) {
  auto const ex = co_await asio::this_coro::executor;
  asio::steady_timer timer(ex, limit);
  bool over = false;
  for (;;) {
    auto const found = find(runtime, id);
    if (!found) co_return unknown(id);
    auto shown = view(*found);
    bool const ended = has_ended(shown);
    if (ended || over) {
      shown["waitStatus"] = ended ? "completed" : "timeout";
      if (!ended) shown["retryAfterSeconds"] = kRetryAfterSeconds;
      co_return shown;
    }
    auto const what = co_await (changed_.wait() || timer.async_wait(no_throw));
    over = what.index() == 1;
  }
}

Outcome<Json> Invocations::get(RunId const& run, std::string const& id) {
  auto const found = documents_.find(id);
  if (!found || found->scope != run.value) return unknown(id);
  return view(*found);
}

Slice<Document> Invocations::list(RunId const& run, DocumentFilter filter, Range range) {
  filter.scope = run.value;
  return documents_.list(filter, range);
}

Json Invocations::summary(Document const& document) {
  auto shown = view(document);
  shown.erase("output");
  shown.erase("startedAt");
  return shown;
}

std::int64_t Invocations::count(RunId const& run) {
  auto statement =
      database_.statement("SELECT count(*) FROM documents WHERE kind = ? AND scope = ?");
  statement.bind(kKind).bind(run.value);
  return statement.next() ? statement.number(0) : 0;
}

std::optional<Document> Invocations::find(RuntimeId const& runtime, std::string const& id) {
  auto found = documents_.find(id);
  if (!found || Json::parse(found->body).value("runtimeId", "") != runtime.value)
    return std::nullopt;
  return found;
}

// One invocation from its place in line to its end.
awaitable<void> Invocations::live(std::unique_ptr<Job> job) {
  auto const gone = scope_exit([this, &job] {
    if (job->lease) runtimes_.release(job->run, *job->lease);
    jobs_.erase(job->document.id);
    auto& line = lines_[job->run];
    std::erase(line, job.get());
    if (line.empty()) lines_.erase(job->run);
    changed_.notify_all();
  });
  auto const end = co_await turn(*job);
  // Free before anybody can hear of the end: who does may want to be the next.
  if (job->lease) runtimes_.release(job->run, *job->lease);
  finish(*job, end);
}

awaitable<InvocationEnd> Invocations::turn(Job& job) {
  bool late = false;
  while (lines_[job.run].front() != &job && !job.cancelling && !late) {
    auto const what = co_await (changed_.wait() || job.deadline.async_wait(no_throw));
    late = what.index() == 1;
  }
  BrowserPage page(loop_);
  auto end = cancelled();
  bool const waits = !job.cancelling && !late;
  if (waits) {
    auto first = co_await (do_work(job, page) || job.cancel.wait() ||
                           job.deadline.async_wait(no_throw) || run_over(job.run));
    if (first.index() == 0) end = std::get<0>(std::move(first));
    if (first.index() == 3) end = browser_gone();
    late = first.index() == 2;
  }
  co_await page.close();
  if (late) {
    end = InvocationEnd::failure("timed_out", "Its time was over.");
    end.status = "timed_out";
  }
  co_return end;
}

// `||` waits for the first that succeeds: whatever were thrown out of here would be lost, and the
// runtime held until the deadline.
awaitable<InvocationEnd> Invocations::do_work(Job& job, BrowserPage& page) {
  try {
    co_return co_await open_and_work(job, page);
  } catch (boost::system::system_error const& failure) {
    if (failure.code() == asio::error::operation_aborted) throw;
    log_.error("invocation {} failed: {}", job.document.id, failure.what());
  } catch (std::exception const& failure) {
    log_.error("invocation {} failed: {}", job.document.id, failure.what());
  }
  co_return InvocationEnd::failure("failed", "The local backend failed; its log says how.",
                                   Json{{"reason", "backend_failed"}});
}

awaitable<InvocationEnd> Invocations::open_and_work(Job& job, BrowserPage& page) {
  set_status(job, "dispatching");
  auto const opened = co_await page.open(runtimes_, job.runtime, job.request.page);
  if (!opened && opened.error().is(Errc::not_found))
    co_return InvocationEnd::failure("dispatch_preparation_failed", opened.error().text() + ".",
                                     Json{{"reason", "target_not_found"}});
  if (!opened) co_return browser_gone();
  set_status(job, "running");
  tell(job, "invocation.started", "invocation", job.request.action + " began", "info",
       Json{{"targetId", page.target()}});
  NoteStep const note = [this, &job](std::string type, std::string category, std::string message,
                                     Json data) {
    tell(job, std::move(type), std::move(category), std::move(message), "info", std::move(data));
  };
  co_return co_await work_(page, job.runtime, job.request, note);
}

// Work that waits for a model, or for a page that hangs, would not notice.
awaitable<void> Invocations::run_over(RunId run) {
  while (runtimes_.devtools(run)) co_await runtimes_.changed();
}

void Invocations::set_status(Job& job, std::string_view status) {
  auto body = Json::parse(job.document.body);
  body["status"] = status;
  if (status == "running") {
    auto const when = now();
    body["startedAt"] = rfc3339(when);
    body["startedAtMillis"] = millis(when);
  }
  job.document.body = to_text(body);
  job.document.updated_at = now();
  [[maybe_unused]] bool const written = documents_.update(job.document);
  changed_.notify_all();
}

void Invocations::finish(Job& job, InvocationEnd const& end) {
  auto const when = now();
  write_end(job.document, end, when);
  [[maybe_unused]] bool const written = documents_.update(job.document);
  Json data{{"action", job.request.action}};
  bool const good = end.status == "succeeded";
  if (!good) data["code"] = end.code;
  auto const words = good ? fmt::format("{} succeeded", job.request.action)
                          : fmt::format("{} {}: {}", job.request.action, end.status, end.message);
  auto const severity = good ? "info" : end.status == "cancelled" ? "warning" : "error";
  tell(job, fmt::format("invocation.{}", end.status), "invocation", words, severity,
       std::move(data));
  changed_.notify_all();
}

void Invocations::tell(Job const& job, std::string type, std::string category, std::string message,
                       std::string severity, Json data) {
  Activity activity;
  activity.type = std::move(type);
  activity.category = std::move(category);
  activity.message = std::move(message);
  activity.severity = std::move(severity);
  activity.invocation = job.document.id;
  if (data.is_object()) activity.data = to_text(data);
  note_(job.run, activity);
}

}  // namespace bridge::local
