#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "api/human_actions.hpp"
#include "api/invocations.hpp"
#include "api/types.hpp"
#include "net/asio.hpp"

namespace bridge::api {

/// `limit` 0 leaves the page size to the server; `cursor` empty asks for the first page.
struct SpaceQuery {
  std::string cursor;
  unsigned limit = 0;
};

struct RuntimeQuery {
  SpaceId space;  ///< empty: every visible space; "default": the caller's default space
  std::vector<std::string> status;
  std::string cursor;
  unsigned limit = 0;
};

struct RunQuery {
  SpaceId space;
  RuntimeId runtime;
  std::vector<std::string> status;
  std::string cursor;
  unsigned limit = 0;
};

struct EventQuery {
  RunId run;
  std::vector<std::string> type;
  std::vector<std::string> status;
  std::string cursor;
  unsigned limit = 0;
};

/// Members left empty are not sent. The JSON members are objects of the contract, sent as they are.
struct RuntimeCreate {
  std::string name;
  SpaceId space;
  std::string config_json;
  std::string metadata_json;
};

struct RuntimeUpdate {
  std::optional<std::string> name;
  std::optional<std::chrono::seconds> idle_timeout;
  std::string config_json;  ///< only while the runtime is stopped
};

/// Whether a read of a runtime must try for its connectUrl. Later servers give it only on a second,
/// explicit request.
enum class Connection { as_is, wanted };

/// The BCTRL control plane as the bridge uses it: the seam between the daemon and REST, or a fake
/// in tests. Calls may be cancelled; what a cancelled start or stop did is then unknown. Never
/// throws for what a server or network does.
class Platform {
 public:
  virtual ~Platform() = default;

  virtual awaitable<ApiResult<Whoami>> whoami() = 0;

  virtual awaitable<ApiResult<Page<Space>>> list_spaces(SpaceQuery query) = 0;
  virtual awaitable<ApiResult<Space>> create_space(std::string name) = 0;
  virtual awaitable<ApiResult<Space>> get_space(SpaceId id) = 0;

  virtual awaitable<ApiResult<Page<Runtime>>> list_runtimes(RuntimeQuery query) = 0;
  virtual awaitable<ApiResult<Runtime>> create_runtime(RuntimeCreate request) = 0;
  virtual awaitable<ApiResult<Runtime>> get_runtime(RuntimeId id, Connection connection) = 0;
  virtual awaitable<ApiResult<Runtime>> update_runtime(RuntimeId id, RuntimeUpdate request) = 0;
  /// Starts it, or joins the run that is open. Ends when there is a connectUrl. A repeated
  /// `idempotency_key` (1 to 200 characters) replays the first answer; without one the call is
  /// never retried. Nor is it when the answer says how long to wait: the caller does that.
  virtual awaitable<ApiResult<RuntimeStart>> start_runtime(RuntimeId id,
                                                           std::string idempotency_key) = 0;
  /// A runtime that is not active, or gone, is a success with `stopped` false.
  virtual awaitable<ApiResult<RuntimeStop>> stop_runtime(RuntimeId id) = 0;
  virtual awaitable<ApiResult<void>> delete_runtime(RuntimeId id) = 0;

  virtual awaitable<ApiResult<Page<Run>>> list_runs(RunQuery query) = 0;
  virtual awaitable<ApiResult<Run>> get_run(RunId id) = 0;
  virtual awaitable<ApiResult<Page<RunEvent>>> list_events(EventQuery query) = 0;

  // Who else may drive a runtime; each as the class of its name has it.
  virtual awaitable<ApiResult<Invocation>> create_invocation(RuntimeId runtime,
                                                             std::string request_json,
                                                             std::string idempotency_key) = 0;
  virtual awaitable<ApiResult<Waited<Invocation>>> wait_invocation(RuntimeId runtime,
                                                                   InvocationId id,
                                                                   std::chrono::seconds limit) = 0;
  virtual awaitable<ApiResult<Invocation>> cancel_invocation(RuntimeId runtime,
                                                             InvocationId id) = 0;
  virtual awaitable<ApiResult<HumanAction>> create_human_action(
      RuntimeId runtime, std::string message, std::optional<std::chrono::seconds> limit,
      std::string idempotency_key) = 0;
  virtual awaitable<ApiResult<Waited<HumanAction>>> wait_human_action(
      RuntimeId runtime, std::chrono::seconds limit) = 0;
  virtual awaitable<ApiResult<HumanAction>> cancel_human_action(RuntimeId runtime) = 0;
};

}  // namespace bridge::api
