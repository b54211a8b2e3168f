#pragma once

#include "api/invocations.hpp"

namespace bridge::api {

/// Something a person is asked to do in a runtime's browser. One at a time is pending.
struct HumanAction {
  std::string id;
  RuntimeId runtime;
  RunId run;
  InvocationId invocation;
  std::string message;
  std::string status;  ///< requested, completed, cancelled or expired
  std::string created_at;
  std::string expires_at;

  [[nodiscard]] bool ended() const { return status != "requested"; }
};

class HumanActions {
 public:
  explicit HumanActions(RestClient& rest) : rest_(rest) {}

  /// The pending one, else the latest; 404 when there never was one.
  awaitable<ApiResult<HumanAction>> get(RuntimeId runtime);
  /// Without `limit` it does not expire. A repeated key replays the first answer.
  awaitable<ApiResult<HumanAction>> create(RuntimeId runtime, std::string message,
                                           std::optional<std::chrono::seconds> limit,
                                           std::string idempotency_key);
  awaitable<ApiResult<HumanAction>> complete(RuntimeId runtime);
  awaitable<ApiResult<HumanAction>> cancel(RuntimeId runtime);
  awaitable<ApiResult<Waited<HumanAction>>> wait(RuntimeId runtime, std::chrono::seconds limit);

 private:
  awaitable<ApiResult<HumanAction>> post(RuntimeId runtime, std::string verb);

  RestClient& rest_;
};

}  // namespace bridge::api
