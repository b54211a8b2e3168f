#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/platform.hpp"
#include "net/loop.hpp"
#include "net/tasks.hpp"

namespace bridge::test {

/// A control plane in memory: runtimes by name, one open run each, errors on demand. Writes down
/// what it was asked.
class FakePlatform final : public api::Platform {
 public:
  explicit FakePlatform(net::Loop& loop)
      : released_(loop.executor()), invocation_ended_(loop.executor()) {}

  /// Every call in its order: "list", "create main", "start rt_1", "stop rt_1", "run run_1",
  /// "get rt_1", "idle rt_1 120".
  std::vector<std::string> calls;
  [[nodiscard]] std::size_t count(std::string_view call) const;

  /// What every start hands out.
  std::string connect_url = "ws://127.0.0.1:1/";
  std::size_t page_size = 100;
  std::vector<api::RuntimeCreate> created;
  std::vector<api::RuntimeQuery> queries;
  std::vector<std::string> start_keys;

  RuntimeId add_runtime(std::string name, std::string metadata_json = "{}");
  /// Somebody else starts it.
  void open_run(RuntimeId const& id);
  /// The run ends without us.
  void end_run(RuntimeId const& id);
  void delete_all() { runtimes_.clear(); }
  [[nodiscard]] bool active(RuntimeId const& id) const;

  /// The next call of `verb` (the first word in `calls`) fails with this.
  void fail_next(std::string verb, api::ApiError error);
  void fail_next(std::string verb, unsigned status, std::string code);
  /// The next call of `verb` is done, and its answer is lost.
  void lose_next(std::string verb) { lost_.insert(std::move(verb)); }
  /// Calls of `verb` are written down and then wait for release().
  void hold(std::string verb) { held_.insert(std::move(verb)); }
  void release(std::string const& verb);

  awaitable<api::ApiResult<api::Page<api::Runtime>>> list_runtimes(
      api::RuntimeQuery query) override;
  awaitable<api::ApiResult<api::Runtime>> create_runtime(api::RuntimeCreate request) override;
  awaitable<api::ApiResult<api::RuntimeStart>> start_runtime(RuntimeId id,
                                                             std::string key) override;
  awaitable<api::ApiResult<api::RuntimeStop>> stop_runtime(RuntimeId id) override;
  awaitable<api::ApiResult<api::Run>> get_run(RunId id) override;
  awaitable<api::ApiResult<api::Runtime>> get_runtime(RuntimeId id,
                                                      api::Connection connection) override;
  awaitable<api::ApiResult<api::Runtime>> update_runtime(RuntimeId id,
                                                         api::RuntimeUpdate request) override;

  /// What the next invocation, or a person, comes to. Empty: it goes on until it is cancelled.
  std::string invocation_end = "succeeded";
  std::vector<std::string> invocation_bodies;
  /// Called when an invocation begins: who drives then?
  std::function<void()> on_invocation;
  /// Ends the one under way.
  void end_invocation(std::string status);

  awaitable<api::ApiResult<api::Invocation>> create_invocation(RuntimeId runtime,
                                                               std::string request_json,
                                                               std::string key) override;
  awaitable<api::ApiResult<api::Waited<api::Invocation>>> wait_invocation(
      RuntimeId runtime, InvocationId id, std::chrono::seconds limit) override;
  awaitable<api::ApiResult<api::Invocation>> cancel_invocation(RuntimeId runtime,
                                                               InvocationId id) override;
  awaitable<api::ApiResult<api::HumanAction>> create_human_action(
      RuntimeId runtime, std::string message, std::optional<std::chrono::seconds> limit,
      std::string key) override;
  awaitable<api::ApiResult<api::Waited<api::HumanAction>>> wait_human_action(
      RuntimeId runtime, std::chrono::seconds limit) override;
  awaitable<api::ApiResult<api::HumanAction>> cancel_human_action(RuntimeId runtime) override;

  // The daemon does not use these.
  awaitable<api::ApiResult<api::Whoami>> whoami() override;
  awaitable<api::ApiResult<api::Page<api::Space>>> list_spaces(api::SpaceQuery query) override;
  awaitable<api::ApiResult<api::Space>> create_space(std::string name) override;
  awaitable<api::ApiResult<api::Space>> get_space(SpaceId id) override;
  awaitable<api::ApiResult<void>> delete_runtime(RuntimeId id) override;
  awaitable<api::ApiResult<api::Page<api::Run>>> list_runs(api::RunQuery query) override;
  awaitable<api::ApiResult<api::Page<api::RunEvent>>> list_events(api::EventQuery query) override;

 private:
  /// Writes the call down, waits while it is held, and yields the error meant for it.
  awaitable<api::ApiResult<void>> begin(std::string verb, std::string what);
  [[nodiscard]] api::Runtime* find(RuntimeId const& id);

  std::vector<api::Runtime> runtimes_;
  std::map<std::string, std::deque<api::ApiError>> errors_;
  std::set<std::string> held_;
  std::set<std::string> lost_;
  std::map<std::string, api::RuntimeStart> answers_;  // by key
  net::Broadcast released_;
  std::set<std::string> open_runs_;
  std::size_t last_run_ = 0;
  api::Invocation invocation_;
  net::Broadcast invocation_ended_;
};

}  // namespace bridge::test
