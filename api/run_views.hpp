#pragma once

#include "api/rest_client.hpp"

namespace bridge::api {

/// A page that shows a run. The address works without a key and for a while: it is a secret.
struct RunView {
  Secret url;
  std::string expires_at;
  std::string status;  ///< of a recording: not_available, preparing, processing, ready, failed
  std::optional<double> duration_seconds;  ///< of a recording
};

struct ActivityItem {
  std::string id;
  std::string time;
  std::string type;
  std::string category;
  std::string message;
  std::string severity;
  std::string status;
  InvocationId invocation;
  std::string data_json;
};

struct ActivityQuery {
  RunId run;
  bool debug = false;  ///< the finer view
  std::vector<std::string> category;
  std::string cursor;
  unsigned limit = 0;
};

/// What a run lets people see of it.
class RunViews {
 public:
  explicit RunViews(RestClient& rest) : rest_(rest) {}

  /// With `input` whoever looks may drive, and is the runtime's controller while doing so. `life`
  /// at most a day; none: the server's.
  awaitable<ApiResult<RunView>> live(RunId run, bool input,
                                     std::optional<std::chrono::seconds> life);
  awaitable<ApiResult<RunView>> recording(RunId run, std::optional<std::chrono::seconds> life);
  awaitable<ApiResult<Page<ActivityItem>>> activity(ActivityQuery query);

 private:
  RestClient& rest_;
};

}  // namespace bridge::api
