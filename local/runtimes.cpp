#include "local/runtimes.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/scope_exit.hpp"
#include "local/json.hpp"
#include "local/runtime_life.hpp"
#include "local/token.hpp"

namespace bridge::local {
namespace {

void remove_tree(std::filesystem::path const& path) {
  // What a dying browser still holds stays behind; the scratch directory is emptied at the next
  // start.
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

Event lifecycle(RunId const& run, std::string_view status, Json const& data) {
  Event event;
  event.run = run;
  event.time = now();
  event.type = "runtime.lifecycle";
  event.name = fmt::format("runtime.{}", status);
  event.status = status;
  event.data = to_text(data);
  return event;
}

Problem host_unavailable(std::string message, std::string hint) {
  return Problem(503, "runtime.host_unavailable", std::move(message), std::move(hint));
}

Problem not_started(Error const& error) {
  return host_unavailable(error.text() + ".", "The backend's log says more at level debug.");
}

// A disk that fails must not leave a browser without an owner.
template <class Write>
Result<void> written(Write write) {
  try {
    write();
    return Result<void>{};
  } catch (StoreFailure const& failure) {
    return Error{boost::system::errc::make_error_code(boost::system::errc::io_error),
                 fmt::format("write the run down ({})", failure.what())};
  }
}

}  // namespace

Runtimes::Runtimes(net::Loop& loop, Store& store, RunFeed& feed, RuntimesOptions options)
    : loop_(loop),
      store_(store),
      feed_(feed),
      options_(std::move(options)),
      changed_(loop.executor()),
      tasks_(loop.executor()) {
  remove_tree(options_.scratch);
}

Runtimes::~Runtimes() = default;

Runtimes::Life* Runtimes::find(RuntimeId const& id) const {
  auto const found = lives_.find(id);
  return found == lives_.end() ? nullptr : found->second.get();
}

Runtimes::Life* Runtimes::find(RunId const& id) const {
  for (auto const& [runtime, life] : lives_)
    if (life->run == id && life->phase == Phase::active) return life.get();
  return nullptr;
}

awaitable<Outcome<Runtimes::Started>> Runtimes::start(RuntimeId id) {
  auto const row = store_.runtime(id);
  if (!row) co_return Problem::not_found("runtime", id.value);
  ++starts_[id];
  RunId begun;  // by this very call
  bool waited = false;
  for (;;) {
    auto* const life = find(id);
    if (life == nullptr) {
      if (waited) co_return last_failure(id);
      if (closing_) co_return host_unavailable("The local backend is shutting down.", "");
      if (options_.may_start)
        if (auto problem = options_.may_start(*row, starting())) co_return std::move(*problem);
      failures_.erase(id);
      auto fresh = std::make_unique<Life>(loop_, *row, options_.chromium, options_.controllers);
      begun = fresh->run;
      waited = true;
      lives_.emplace(id, std::move(fresh));
      tasks_.spawn("run", live(id));
      continue;
    }
    if (life->phase == Phase::active) {
      life->touch();
      co_return Started{life->run, life->connect_url, life->run == begun};
    }
    waited = waited || life->phase == Phase::starting;
    co_await changed_.wait();
  }
}

std::vector<SpaceId> Runtimes::starting() const {
  std::vector<SpaceId> spaces;
  for (auto const& [runtime, life] : lives_)
    if (life->phase == Phase::starting) spaces.push_back(life->space);
  return spaces;
}

Problem Runtimes::last_failure(RuntimeId const& id) const {
  auto const found = failures_.find(id);
  if (found != failures_.end()) return found->second;
  return host_unavailable("The browser ended at once.", "Start it again.");
}

awaitable<Outcome<Runtimes::Stopped>> Runtimes::stop(RuntimeId id) {
  if (!store_.runtime(id)) co_return Problem::not_found("runtime", id.value);
  while (find(id) != nullptr && find(id)->phase == Phase::starting) co_await changed_.wait();
  auto* const life = find(id);
  if (life == nullptr) co_return Problem(409, "runtime.not_active", "The runtime is not active.");
  // Others may have asked in this very turn.
  bool const ours = life->phase == Phase::active && life->reason.empty();
  RunId const run = life->run;
  if (ours) {
    life->reason = "stop";
    life->stop_wanted.notify();
  }
  while (find(id) != nullptr && find(id)->run == run) co_await changed_.wait();
  co_return Stopped{run, ours};
}

Outcome<void> Runtimes::remove(RuntimeId const& id) {
  if (!store_.runtime(id)) return Problem::not_found("runtime", id.value);
  if (find(id) != nullptr)
    return Problem(409, "runtime.not_stopped", "The runtime is active.", "Stop it first.");
  forget_downloads(id);
  store_.remove(id);
  failures_.erase(id);
  starts_.erase(id);
  remove_tree(options_.profiles / id.value);
  remove_tree(options_.workspaces / id.value);
  return Outcome<void>{};
}

awaitable<void> Runtimes::stop_all() {
  closing_ = true;
  while (!lives_.empty()) {
    for (auto const& [id, life] : lives_) {
      if (life->reason.empty()) life->reason = "shutdown";
      if (life->phase == Phase::starting) life->chromium.kill();
      life->stop_wanted.notify();
    }
    co_await changed_.wait();
  }
  co_await tasks_.join();
}

// Before its runs go: they name the directories.
void Runtimes::forget_downloads(RuntimeId const& id) {
  RunFilter of_runtime;
  of_runtime.runtime = id.value;
  Range range;
  for (;;) {
    auto const runs = store_.runs(of_runtime, range);
    for (auto const& run : runs.rows) remove_tree(options_.downloads / run.id.value);
    range.after = runs.next();
    if (!range.after) return;
  }
}

void Runtimes::touch(RuntimeId const& id) {
  if (auto* const life = find(id)) life->touch();
}

void Runtimes::configure(RuntimeId const& id, RuntimePlan const& plan) {
  auto* const life = find(id);
  if (life == nullptr) return;
  life->idle_timeout = plan.idle_timeout;
  life->idle_timer.cancel();
}

std::optional<RunId> Runtimes::active_run(RuntimeId const& id) const {
  auto const* const life = find(id);
  if (life == nullptr || life->phase != Phase::active) return std::nullopt;
  return life->run;
}

Secret Runtimes::connect_url(RuntimeId const& id) const {
  auto const* const life = find(id);
  if (life == nullptr || life->phase != Phase::active) return Secret();
  return life->connect_url;
}

std::optional<Timestamp> Runtimes::last_activity(RuntimeId const& id) const {
  auto const* const life = find(id);
  if (life == nullptr) return std::nullopt;
  return life->last_activity;
}

bool Runtimes::crash(RuntimeId const& id) {
  auto* const life = find(id);
  if (life == nullptr || life->phase != Phase::active) return false;
  life->chromium.kill();
  return true;
}

std::variant<std::monostate, Runtimes::Admitted, Lock::Busy> Runtimes::admit(
    RunId const& run, std::string_view secret, Controller kind) {
  auto* const life = find(run);
  if (life == nullptr || !same_secret(secret, life->secret.reveal())) return std::monostate();
  return admit(run, kind);
}

std::variant<std::monostate, Runtimes::Admitted, Lock::Busy> Runtimes::admit(RunId const& run,
                                                                             Controller kind) {
  auto* const life = find(run);
  if (life == nullptr) return std::monostate();
  auto const granted = life->lock.acquire(kind, now());
  if (auto const* const busy = std::get_if<Lock::Busy>(&granted)) return *busy;
  life->touch();
  life->log.debug("driven by {}", to_text(kind));
  return Admitted{std::get<Lock::Lease>(granted), life->runtime, life->chromium.devtools()};
}

void Runtimes::release(RunId const& run, Lock::Lease lease) {
  auto* const life = find(run);
  if (life == nullptr || !life->lock.release(lease)) return;
  life->touch();
  life->log.debug("not driven by that one any more");
}

void Runtimes::count_cdp(RunId const& run, int change) {
  auto* const life = find(run);
  if (life == nullptr) return;
  if (change > 0) {
    ++life->cdp_now;
    ++life->cdp_total;
  } else {
    --life->cdp_now;
  }
}

std::vector<Runtimes::Snapshot> Runtimes::snapshot() const {
  std::vector<Snapshot> all;
  for (auto const& [id, life] : lives_) {
    // Until the end of its run is written down: who waits for it here finds it there.
    if (life->connect_url.empty()) continue;
    auto const starts = starts_.find(id);
    all.push_back({id, life->run, life->chromium.pid(), life->cdp_now, life->cdp_total,
                   starts == starts_.end() ? 0 : starts->second});
  }
  return all;
}

// One life, begin to end. It is never cancelled: stop_all() asks, and stopping a browser is
// bounded.
awaitable<void> Runtimes::live(RuntimeId id) {
  auto* const life = find(id);
  auto const gone = scope_exit([this, &id] {
    lives_.erase(id);
    changed_.notify_all();
  });
  auto const row = store_.runtime(id);
  if (!row) co_return;
  auto plan = plan_of(row->config);
  // From here on configure() may change it.
  life->idle_timeout = plan.idle_timeout;
  if (options_.resolve) {
    if (auto problem = options_.resolve(*row, plan)) {
      failures_.insert_or_assign(id, std::move(*problem));
      co_return;
    }
  }
  auto const profile = profile_of(*life, plan);
  auto begun = co_await launch(*life, plan);
  if (begun) begun = written([&] { record_start(*life, plan); });
  if (begun) {
    life->recorder->begin();
    changed_.notify_all();
    co_await watch(*life);
  } else if (!closing_) {
    life->log.error("the browser did not start: {}", begun.error().text());
    failures_.insert_or_assign(id, not_started(begun.error()));
  }
  life->phase = Phase::stopping;
  if (life->recorder) co_await life->recorder->close();
  co_await life->chromium.stop();
  if (life->recorder) life->recorder->clear_downloads();
  if (life->proxy) co_await life->proxy->stop();
  if (begun) {
    auto const ended = written([&] {
      if (feed_.on_ending) feed_.on_ending(life->run);
      record_end(*life);
    });
    if (!ended) life->log.error("{}", ended.error().text());
  }
  if (!plan.keep_profile) remove_tree(profile);
}

std::filesystem::path Runtimes::profile_of(Life const& life, RuntimePlan const& plan) const {
  if (plan.keep_profile) return options_.profiles / life.runtime.value;
  return options_.scratch / life.run.value;
}

awaitable<Result<void>> Runtimes::launch(Life& life, RuntimePlan& plan) {
  auto const profile = profile_of(life, plan);
  std::error_code ec;
  std::filesystem::create_directories(profile, ec);
  if (ec)
    co_return Error{error_code(ec.value(), boost::system::generic_category()),
                    "create " + profile.string()};
  auto shown = plan;  // to Chromium
  if (plan.proxy && plan.proxy->wants_login()) {
    life.proxy = std::make_unique<ProxyRelay>(loop_, *plan.proxy, life.log);
    auto const relayed = life.proxy->start();
    if (!relayed) co_return relayed;
    shown.proxy = life.proxy->substitute();
  }
  auto const started = co_await life.chromium.start(profile, shown);
  if (!started) co_return started;
  Recorder::Options recording;
  recording.run = life.run;
  recording.traffic = plan.traffic;
  recording.open_shadow_roots = plan.open_shadow_roots;
  recording.downloads = options_.downloads / life.run.value;
  life.recorder = std::make_unique<Recorder>(loop_, feed_, std::move(recording), life.log);
  auto devtools = life.chromium.devtools();
  auto const recorded = co_await life.recorder->open(std::move(devtools));
  if (recorded && plan.viewport) co_await size_window(life, *plan.viewport);
  if (recorded) co_await check_fingerprint(life, plan);
  co_return recorded;
}

awaitable<void> Runtimes::watch(Life& life) {
  auto const first = co_await (life.chromium.exited() || life.stop_wanted.wait() ||
                               idle_for_long(life) || cut_off(life));
  if (first.index() == 2) life.reason = "idle_timeout";
  // Nobody would see to its rules any more, or write down what it does.
  if (first.index() == 3)
    life.failure = RunFailure{"local.browser_unreachable", "Chromium cut the backend off."};
  if (first.index() != 0) co_return;
  auto const epitaph = life.chromium.epitaph();
  life.failure = RunFailure{"local.browser_exited", epitaph + "."};
}

// Ends when nobody has used the runtime for its idle limit. An invocation and a person use it as
// long as they hold the lock, a CDP client while we hear from it: its machine may be asleep, or its
// program stopped, with the connection open.
awaitable<void> Runtimes::idle_for_long(Life& life) {
  for (;;) {
    bool const busy =
        life.lock.held_by(Controller::invocation) || life.lock.held_by(Controller::human);
    if (busy) life.touch();
    auto deadline = Clock::time_point::max();
    if (life.idle_timeout.count() > 0) deadline = life.last_used + life.idle_timeout;
    if (deadline <= Clock::now()) co_return;
    life.idle_timer.expires_at(deadline);
    co_await life.idle_timer.async_wait(no_throw);
    // A changed limit cancels the timer as well; only the end of the watch cancels us.
    auto const state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return;
  }
}

void Runtimes::record_start(Life& life, RuntimePlan const& plan) {
  life.started_at = now();
  life.connect_url =
      Secret(fmt::format("{}/v1/cdp/{}/{}", origin_, life.run.value, life.secret.reveal()));
  life.touch();

  Run run;
  run.id = life.run;
  run.runtime = life.runtime;
  run.space = life.space;
  run.created_at = life.asked_at;
  run.started_at = life.started_at;
  Json data{{"reason", "start"}, {"browserVersion", life.chromium.product()}};
  data["applied"] = plan.applied();
  if (auto const idle = plan.not_applied(); !idle.empty()) {
    data["notApplied"] = idle;
    if (!plan.refused.empty()) data["refused"] = plan.refused;
    life.log.warn("config without effect on the local backend: {}", fmt::join(idle, ", "));
    for (auto const& [name, why] : plan.refused) life.log.warn("{}: {}", name, why);
  }
  store_.begin_run(run, lifecycle(life.run, "started", data));
  feed_.tell();
  life.phase = Phase::active;
  life.log.info("started, run {}", life.run.value);
}

void Runtimes::record_end(Life& life) {
  Run run;
  run.id = life.run;
  run.runtime = life.runtime;
  run.status = life.failure ? Status::failed : Status::stopped;
  run.failure = life.failure;
  Json data{{"reason", life.failure ? "browser_exited" : life.reason}};
  if (life.failure) data["message"] = life.failure->message;
  auto const event = lifecycle(life.run, to_text(run.status), data);
  run.finished_at = event.time;
  store_.end_run(run, run.status, event);
  feed_.tell();
  if (life.failure)
    life.log.error("run {} failed: {}", life.run.value, life.failure->message);
  else
    life.log.info("stopped, run {} ({})", life.run.value, life.reason);
}

}  // namespace bridge::local
