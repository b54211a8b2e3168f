#pragma once

#include <cstddef>
#include <deque>
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
  explicit FakePlatform(net::Loop& loop) : released_(loop.executor()) {}

  /// Every call in its order: "list", "create main", "start rt_1", "stop rt_1", "run run_1".
  std::vector<std::string> calls;
  [[nodiscard]] std::size_t count(std::string_view call) const;

  /// What every start hands out.
  std::string connect_url = "ws://127.0.0.1:1/";
  std::size_t page_size = 100;
  std::vector<api::RuntimeCreate> created;
  std::vector<api::RuntimeQuery> queries;
  std::vector<std::string> start_keys;

  RuntimeId add_runtime(std::string name);
  /// Somebody else starts it.
  void open_run(RuntimeId const& id);
  /// The run ends without us.
  void end_run(RuntimeId const& id);
  void delete_all() { runtimes_.clear(); }
  [[nodiscard]] bool active(RuntimeId const& id) const;

  /// The next call of `verb` (the first word in `calls`) fails with this.
  void fail_next(std::string verb, api::ApiError error);
  void fail_next(std::string verb, unsigned status, std::string code);
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

  // The daemon does not use these.
  awaitable<api::ApiResult<api::Whoami>> whoami() override;
  awaitable<api::ApiResult<api::Page<api::Space>>> list_spaces(api::SpaceQuery query) override;
  awaitable<api::ApiResult<api::Space>> create_space(std::string name) override;
  awaitable<api::ApiResult<api::Space>> get_space(SpaceId id) override;
  awaitable<api::ApiResult<api::Runtime>> get_runtime(RuntimeId id,
                                                      api::Connection connection) override;
  awaitable<api::ApiResult<api::Runtime>> update_runtime(RuntimeId id,
                                                         api::RuntimeUpdate request) override;
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
  net::Broadcast released_;
  std::set<std::string> open_runs_;
  std::size_t last_run_ = 0;
};

}  // namespace bridge::test
