#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "api/platform.hpp"
#include "api/retry.hpp"
#include "base/log.hpp"
#include "net/http_client.hpp"

namespace bridge::api {

struct RestOptions {
  std::string base_url = "https://api.bctrl.ai/v1";  ///< "/v1" is appended unless it ends in it
  Secret key;
  Duration timeout = 30s;         ///< one call with its retries
  Duration start_timeout = 120s;  ///< a start, which answers when the browser is usable
  std::uint64_t retry_seed = 1;
};

/// The platform over HTTPS. Follows no redirect, because the key would travel along.
class RestPlatform final : public Platform {
 public:
  /// Errors: an unusable base URL or key, and a `local_` key for a host that is not loopback.
  static Result<std::unique_ptr<RestPlatform>> make(net::Loop& loop, net::Reach reach,
                                                    RestOptions options);

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

 private:
  /// One request of the contract, before the base URL and the headers every request has.
  struct Call {
    std::string method;
    std::string path;  ///< below the base: "/runtimes/rt_1/start"
    std::string body;
    std::string idempotency_key;
  };
  struct Answer {
    unsigned status = 0;
    std::string body;
  };

  RestPlatform(net::Loop& loop, net::Reach reach, RestOptions options, net::Url base);

  /// The answer to a call, retries included, or the error it ended with.
  awaitable<ApiResult<Answer>> send(Call call, Clock::time_point deadline);
  awaitable<ApiResult<Answer>> attempt(Call const& call, Duration limit);
  /// A call without an idempotency key, within `timeout`.
  awaitable<ApiResult<Answer>> ask(std::string method, std::string path, std::string body = {});
  awaitable<ApiResult<Runtime>> read_with_url(RuntimeId id, Clock::time_point deadline);
  awaitable<ApiResult<RuntimeStart>> await_url(RuntimeStart begun, Clock::time_point deadline);
  [[nodiscard]] net::HttpRequest request_for(Call const& call) const;

  RestOptions options_;
  net::Url base_;
  net::HttpClient http_;
  RetryDelays delays_;
  Log log_{"api"};
};

}  // namespace bridge::api
