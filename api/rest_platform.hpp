#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "api/platform.hpp"
#include "api/rest_client.hpp"

namespace bridge::api {

/// The platform over HTTPS.
class RestPlatform final : public Platform {
 public:
  /// Errors: those of Server::make.
  static Result<std::unique_ptr<RestPlatform>> make(net::Loop& loop, net::Reach reach,
                                                    RestOptions const& options);

  awaitable<ApiResult<Whoami>> whoami() override;
  awaitable<ApiResult<Page<Space>>> list_spaces(SpaceQuery query) override;
  awaitable<ApiResult<Space>> create_space(std::string name) override;
  awaitable<ApiResult<Space>> get_space(SpaceId id) override;
  awaitable<ApiResult<Page<Runtime>>> list_runtimes(RuntimeQuery query) override;
  awaitable<ApiResult<Runtime>> create_runtime(RuntimeCreate request) override;
  awaitable<ApiResult<Runtime>> get_runtime(RuntimeId id, Connection connection) override;
  awaitable<ApiResult<Runtime>> update_runtime(RuntimeId id, RuntimeUpdate request) override;
  awaitable<ApiResult<RuntimeStart>> start_runtime(RuntimeId id,
                                                   std::string idempotency_key) override;
  awaitable<ApiResult<RuntimeStop>> stop_runtime(RuntimeId id) override;
  awaitable<ApiResult<void>> delete_runtime(RuntimeId id) override;
  awaitable<ApiResult<Page<Run>>> list_runs(RunQuery query) override;
  awaitable<ApiResult<Run>> get_run(RunId id) override;
  awaitable<ApiResult<Page<RunEvent>>> list_events(EventQuery query) override;
  awaitable<ApiResult<Invocation>> create_invocation(RuntimeId runtime, std::string request_json,
                                                     std::string idempotency_key) override;
  awaitable<ApiResult<Waited<Invocation>>> wait_invocation(RuntimeId runtime, InvocationId id,
                                                           std::chrono::seconds limit) override;
  awaitable<ApiResult<Invocation>> cancel_invocation(RuntimeId runtime, InvocationId id) override;
  awaitable<ApiResult<HumanAction>> create_human_action(RuntimeId runtime, std::string message,
                                                        std::optional<std::chrono::seconds> limit,
                                                        std::string idempotency_key) override;
  awaitable<ApiResult<Waited<HumanAction>>> wait_human_action(RuntimeId runtime,
                                                              std::chrono::seconds limit) override;
  awaitable<ApiResult<HumanAction>> cancel_human_action(RuntimeId runtime) override;

 private:
  RestPlatform(net::Loop& loop, net::Reach reach, Server server, RestOptions const& options);

  awaitable<ApiResult<Runtime>> read_with_url(RuntimeId id, Clock::time_point deadline);
  awaitable<ApiResult<RuntimeStart>> await_url(RuntimeStart begun, Clock::time_point deadline);

  RestClient rest_;
  Invocations invocations_{rest_};
  HumanActions human_actions_{rest_};
  Duration start_timeout_;
  std::uint64_t retry_seed_;
};

}  // namespace bridge::api
