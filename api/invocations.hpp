#pragma once

#include "api/rest_client.hpp"

namespace bridge::api {

/// Work that the platform does in a runtime's browser by itself. While it lasts it is the runtime's
/// controller.
struct Invocation {
  InvocationId id;
  RunId run;
  RuntimeId runtime;
  std::string action;
  std::string status;
  std::string created_at;
  std::string started_at;
  std::string finished_at;
  std::optional<double> duration_seconds;
  std::string output_json;
  std::string error_code;
  std::string error_message;

  [[nodiscard]] bool ended() const {
    return status == "succeeded" || status == "failed" || status == "cancelled" ||
           status == "timed_out";
  }
};

struct InvocationQuery {
  RunId run;
  std::vector<std::string> status;
  std::vector<std::string> action;
  std::string cursor;
  unsigned limit = 0;
};

class Invocations {
 public:
  explicit Invocations(RestClient& rest) : rest_(rest) {}

  /// `request_json` is the contract's body, with its `action`. 409 runtime.controller_busy while
  /// somebody else drives the runtime. A repeated key replays the first answer; without one the
  /// call is never retried.
  awaitable<ApiResult<Invocation>> create(RuntimeId runtime, std::string request_json,
                                          std::string idempotency_key);
  /// Answers when it has ended, or after `limit` (whole seconds).
  awaitable<ApiResult<Waited<Invocation>>> wait(RuntimeId runtime, InvocationId id,
                                                std::chrono::seconds limit);
  awaitable<ApiResult<Invocation>> cancel(RuntimeId runtime, InvocationId id);
  awaitable<ApiResult<Page<Invocation>>> list(InvocationQuery query);
  awaitable<ApiResult<Invocation>> get(RunId run, InvocationId id);

 private:
  RestClient& rest_;
};

}  // namespace bridge::api
