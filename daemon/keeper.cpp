#include "daemon/keeper.hpp"

#include "api/pages.hpp"
#include "base/uuid.hpp"

namespace bridge {

Keeper::Keeper(api::Platform& platform, config::RuntimeRef ref, std::string bridge)
    : platform_(platform),
      ref_(std::move(ref)),
      bridge_(std::move(bridge)),
      log_(bridge_),
      id_{ref_.id} {}

awaitable<FailureOr<api::RuntimeStart>> Keeper::start() {
  if (id_.empty()) {
    auto found = co_await find();
    if (found && found->empty()) found = co_await create();
    if (!found) co_return found.error();
    id_ = std::move(*found);
  }
  auto const key = new_uuid();
  unsure_ = true;
  auto begun = co_await platform_.start_runtime(id_, key);
  unsure_ = !begun && (begun.error().is_transport() || begun.error().status >= 500);
  if (!begun) {
    if (begun.error().is_not_found() && ref_.id.empty())
      id_ = {};  // deleted meanwhile: look again next time
    co_return failure_of(begun.error(), "start the runtime");
  }
  if (begun->started || begun->run != run_) started_here_ = begun->started;
  run_ = begun->run;
  log_.info("runtime {} {}, run {}", id_.value, begun->started ? "started" : "was already active",
            run_.value);
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
    if (!found.empty()) {
      log_.warn("several runtimes are named {}; {} is used. Name it by runtime.id to be sure",
                ref_.name, found.value);
      break;
    }
    found = runtime.id;
  }
  co_return found;
}

awaitable<FailureOr<RuntimeId>> Keeper::create() {
  api::RuntimeCreate request;
  request.name = ref_.name;
  request.space.value = ref_.space;
  request.config_json = ref_.create_config;
  request.metadata_json = R"({"createdBy":"bctrl-bridge"})";
  auto created = co_await platform_.create_runtime(std::move(request));
  if (!created) co_return failure_of(created.error(), "create the runtime");
  log_.info("runtime {} created as {}", ref_.name, created->id.value);
  co_return std::move(created->id);
}

awaitable<FailureOr<void>> Keeper::stop() {
  if (id_.empty()) {  // a daemon before us may have left it running
    auto found = co_await find();
    if (!found) co_return found.error();
    if (found->empty()) co_return FailureOr<void>{};
    id_ = std::move(*found);
  }
  auto const stopped = co_await platform_.stop_runtime(id_);
  if (!stopped) co_return failure_of(stopped.error(), "stop the runtime");
  log_.info("runtime {} {}", id_.value, stopped->stopped ? "stopped" : "was not active any more");
  started_here_ = false;
  unsure_ = false;
  run_ = {};
  co_return FailureOr<void>{};
}

awaitable<bool> Keeper::run_is_over() {
  auto const run = run_;
  if (run.empty()) co_return true;
  auto const now = co_await platform_.get_run(run);
  bool const over = now ? now->ended() : now.error().is_not_found();
  if (over && run == run_) {
    run_ = {};
    started_here_ = false;
  }
  co_return over;
}

}  // namespace bridge
