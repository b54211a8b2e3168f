#include "daemon/keeper.hpp"

#include <nlohmann/json.hpp>

#include "api/pages.hpp"
#include "base/uuid.hpp"
#include "daemon/owner_tag.hpp"

namespace bridge {
namespace {

using Kind = Happening::Kind;
using Json = nlohmann::ordered_json;

constexpr char const* kIdleTime = "idleTimeoutSeconds";

bool has_idle_time(std::string const& config) {
  auto const object = Json::parse(config, nullptr, false);
  return object.is_object() && object.contains(kIdleTime);
}

std::string with_idle_time(std::string const& config, std::chrono::seconds time) {
  auto object = Json::parse(config, nullptr, false);
  if (time.count() == 0 || !object.is_object()) return config;
  object[kIdleTime] = time.count();
  return object.dump();
}

}  // namespace

Keeper::Keeper(api::Platform& platform, config::RuntimeRef ref, std::string bridge)
    : platform_(platform),
      ref_(std::move(ref)),
      bridge_(std::move(bridge)),
      log_(bridge_),
      id_{ref_.id} {}

void Keeper::keep_record(CrashRecord& record, std::chrono::milliseconds lease) {
  record_ = &record;
  adjust(ref_.create_config, lease);
}

void Keeper::adjust(std::string create_config, std::chrono::milliseconds lease) {
  ref_.create_config = std::move(create_config);
  lease_ = has_idle_time(ref_.create_config) ? std::chrono::seconds(0)
                                             : std::chrono::ceil<std::chrono::seconds>(lease);
}

void Keeper::inherit(Holding const& left, bool lately) {
  creating_ = !left.creating.empty();
  bool const still_ours = ref_.id.empty() || left.runtime == RuntimeId(ref_.id);
  if (!still_ours || left.runtime.empty()) return;
  if (left.run.empty() && left.starting.empty()) return;
  id_ = left.runtime;
  run_ = left.run;
  started_here_ = left.ours;
  inherited_run_ = !left.run.empty();
  starting_ = left.starting;
  lately_ = lately;
}

Happening Keeper::happening(Happening::Kind kind) const {
  Happening what;
  what.kind = kind;
  what.bridge = bridge_;
  what.runtime = id_;
  what.run = run_;
  what.ours = started_here_;
  return what;
}

awaitable<FailureOr<void>> Keeper::note(Happening what) {
  if (record_ == nullptr) co_return FailureOr<void>{};
  auto const noted = co_await record_->note(std::move(what));
  if (noted) co_return FailureOr<void>{};
  co_return Failure("START_FAILED",
                    "what must survive a crash cannot be written: " + noted.error().text());
}

void Keeper::run_ended() {
  run_ = {};
  started_here_ = false;
  inherited_run_ = false;
  starting_.clear();
  if (record_ != nullptr) record_->note_soon(happening(Kind::ended));
}

awaitable<FailureOr<std::optional<api::RuntimeStart>>> Keeper::take_over() {
  std::optional<api::RuntimeStart> nothing;
  auto now = co_await platform_.get_runtime(id_, api::Connection::wanted);
  if (!now && !now.error().is_not_found())
    co_return failure_of(now.error(), "look whether the runtime still runs");
  bool const over = !now || now->life() == api::Life::ended;
  if (!over && ref_.id.empty() && now->name != ref_.name) {
    // The bridge has got another runtime meanwhile. What we started of the old one nobody ends.
    if (started_here_ || !starting_.empty()) {
      auto const stopped = co_await stop();
      if (!stopped) co_return stopped.error();
    }
    run_ended();
    id_ = {};
    co_return nothing;
  }
  if (!starting_.empty() && (!over || (now && lately_))) {
    // The same key gives the first answer, which says whose run it is, and waits for one that is
    // still being worked on.
    auto begun = co_await begin();
    if (!begun) co_return begun.error();
    co_return std::optional<api::RuntimeStart>(std::move(*begun));
  }
  if (over || now->active_run != run_) {
    log_.info("the run that was open is over");
    run_ended();
    co_return nothing;
  }
  if (now->connect_url.empty())
    co_return Failure("UPSTREAM_REFUSED", "the runtime has no address at this moment");
  log_.info("runtime {} still runs, run {}", id_.value, run_.value);
  inherited_run_ = false;
  api::RuntimeStart found;
  found.runtime = id_;
  found.run = run_;
  found.status = now->status;
  found.connect_url = std::move(now->connect_url);
  co_return std::optional<api::RuntimeStart>(std::move(found));
}

awaitable<FailureOr<api::RuntimeStart>> Keeper::start() {
  if (inherits()) {
    auto taken = co_await take_over();
    if (!taken) co_return taken.error();
    if (*taken) co_return std::move(**taken);
  }
  bool const known = !id_.empty();
  auto begun = co_await start_found();
  // By its name it is another now, or none yet.
  if (!begun && known && id_.empty()) begun = co_await start_found();
  co_return begun;
}

awaitable<FailureOr<api::RuntimeStart>> Keeper::start_found() {
  if (id_.empty()) {
    auto found = co_await find();
    if (found && found->empty()) found = co_await create();
    if (!found) co_return found.error();
    id_ = std::move(*found);
  }
  // The dead man's switch is on before there is a run that it ends.
  if (lease_.count() > 0 && leased_ == Leased::unknown) (void)co_await renew_lease();
  auto const key = new_uuid();
  auto announced = happening(Kind::starting);
  announced.text = key;
  auto const noted = co_await note(std::move(announced));
  if (!noted) co_return noted.error();
  starting_ = key;
  lately_ = true;
  co_return co_await begin();
}

awaitable<FailureOr<api::RuntimeStart>> Keeper::begin() {
  auto begun = co_await platform_.start_runtime(id_, starting_);
  if (!begun) {
    bool const unsure = begun.error().is_transport() || begun.error().status >= 500;
    bool const gone = begun.error().is_not_found();
    if (!unsure && (gone || run_.empty())) {
      run_ended();
    } else if (!unsure) {
      starting_.clear();  // what we hold, we still hold
      if (record_ != nullptr) record_->note_soon(happening(Kind::started));
    }
    if (gone && ref_.id.empty()) {
      id_ = {};  // deleted meanwhile: look again next time
      leased_ = Leased::unknown;
    }
    co_return failure_of(begun.error(), "start the runtime");
  }
  starting_.clear();
  inherited_run_ = false;
  if (begun->started || begun->run != run_) started_here_ = begun->started;
  run_ = begun->run;
  log_.info("runtime {} {}, run {}", id_.value, begun->started ? "started" : "was already active",
            run_.value);
  (void)co_await note(happening(Kind::started));  // without it, the same start is asked for again
  co_return std::move(*begun);
}

awaitable<FailureOr<RuntimeId>> Keeper::find() {
  api::RuntimeQuery query;
  query.space.value = ref_.space;
  auto pages = api::all_runtimes(platform_, std::move(query));
  RuntimeId found;
  for (;;) {
    auto item = co_await pages.next();
    if (!item) co_return failure_of(item.error(), "look for the runtime");
    if (!item->has_value()) break;
    auto const& runtime = **item;
    if (runtime.name != ref_.name) continue;
    // The one whose creation was not answered is told by its tag.
    if (creating_) {
      bool const tagged = co_await is_tagged(runtime.id);
      if (tagged) {
        found = runtime.id;
        break;
      }
    }
    if (!found.empty()) {
      log_.warn("several runtimes are named {}; {} is used. Name it by runtime.id to be sure",
                ref_.name, found.value);
      break;
    }
    found = runtime.id;
  }
  co_return found;
}

awaitable<bool> Keeper::is_tagged(RuntimeId id) {
  if (record_ == nullptr) co_return false;
  auto const whole = co_await platform_.get_runtime(std::move(id), api::Connection::as_is);
  co_return whole&& owner_tag_of(whole->metadata_json).owner == record_->owner();
}

awaitable<FailureOr<RuntimeId>> Keeper::create() {
  OwnerTag tag;
  if (record_ != nullptr) tag.owner = record_->owner();
  tag.bridge = bridge_;
  auto announced = happening(Kind::creating);
  announced.text = tag.owner;
  auto const noted = co_await note(std::move(announced));
  if (!noted) co_return noted.error();
  api::RuntimeCreate request;
  request.name = ref_.name;
  request.space.value = ref_.space;
  request.config_json = with_idle_time(ref_.create_config, lease_);
  request.metadata_json = to_metadata(tag);
  creating_ = true;
  auto created = co_await platform_.create_runtime(std::move(request));
  if (!created) {
    bool const unsure = created.error().is_transport() || created.error().status >= 500;
    creating_ = unsure;
    co_return failure_of(created.error(), "create the runtime");
  }
  creating_ = false;
  if (lease_.count() > 0) leased_ = Leased::yes;
  log_.info("runtime {} created as {}", ref_.name, created->id.value);
  auto done = happening(Kind::created);
  done.runtime = created->id;
  (void)co_await note(std::move(done));  // without it, it is found by its name and tag
  co_return std::move(created->id);
}

awaitable<bool> Keeper::renew_lease() {
  if (leased_ == Leased::no || id_.empty()) co_return true;
  auto const id = id_;
  if (leased_ == Leased::unknown) {
    auto const whole = co_await platform_.get_runtime(id, api::Connection::as_is);
    if (!whole) {
      log_.warn("{}", failure_of(whole.error(), "look whose the runtime is").text());
      co_return false;
    }
    bool const tagged = owner_tag_of(whole->metadata_json).owner == record_->owner();
    if (!tagged) leased_ = Leased::no;
    if (leased_ == Leased::no) co_return true;
  }
  api::RuntimeUpdate renewed;
  renewed.idle_timeout = lease_;
  auto const done = co_await platform_.update_runtime(id, std::move(renewed));
  if (!done) {
    log_.warn("{}", failure_of(done.error(), "renew the lease of the runtime").text());
    co_return false;
  }
  if (leased_ == Leased::unknown) leased_ = Leased::yes;
  co_return true;
}

awaitable<FailureOr<void>> Keeper::leave_running() {
  if (leased_ == Leased::yes) {
    leased_ = Leased::no;  // no renewal may come behind this
    api::RuntimeUpdate forever;
    forever.idle_timeout = std::chrono::seconds(0);
    auto const done = co_await platform_.update_runtime(id_, std::move(forever));
    if (!done) {
      leased_ = Leased::yes;
      co_return failure_of(done.error(), "let the runtime run on");
    }
  }
  leased_ = Leased::no;
  run_ended();
  co_return FailureOr<void>{};
}

awaitable<FailureOr<void>> Keeper::stop() {
  if (id_.empty()) {  // a daemon before us may have left it running
    auto found = co_await find();
    if (!found) co_return found.error();
    if (found->empty()) co_return FailureOr<void>{};
    id_ = std::move(*found);
  }
  auto const stopped = co_await platform_.stop_runtime(id_);
  if (!stopped && !stopped.error().is_not_found())
    co_return failure_of(stopped.error(), "stop the runtime");
  log_.info("runtime {} {}", id_.value,
            stopped && stopped->stopped ? "stopped" : "was not active any more");
  run_ended();
  co_return FailureOr<void>{};
}

awaitable<FailureOr<std::optional<Secret>>> Keeper::address() {
  auto const run = run_;
  auto now = co_await platform_.get_runtime(id_, api::Connection::wanted);
  std::optional<Secret> none;
  if (!now && now.error().is_not_found()) co_return none;
  if (!now) co_return failure_of(now.error(), "look where the runtime is");
  if (run.empty() || now->active_run != run) co_return none;
  if (now->connect_url.empty())
    co_return Failure("UPSTREAM_REFUSED", "the runtime has no address at this moment");
  co_return std::optional<Secret>(std::move(now->connect_url));
}

awaitable<bool> Keeper::run_is_over() {
  auto const run = run_;
  if (run.empty()) co_return true;
  auto const now = co_await platform_.get_run(run);
  bool const over = now ? now->ended() : now.error().is_not_found();
  if (over && run == run_) run_ended();
  co_return over;
}

}  // namespace bridge
