#pragma once

#include "api/rest_client.hpp"

namespace bridge::api {

/// A page of a runtime, as REST names it.
struct Target {
  std::string id;  ///< CDP's target id with the local backend; opaque elsewhere
  RuntimeId runtime;
  std::string type;
  std::string label;  ///< the page's title
  std::string uri;
  bool active = false;  ///< what a hosted invocation works on unless told otherwise
};

/// The pages of a runtime that is active; 409 or 503 while it is not. No controller is needed.
class Targets {
 public:
  explicit Targets(RestClient& rest) : rest_(rest) {}

  awaitable<ApiResult<Page<Target>>> list(RuntimeId runtime, std::string cursor = {});
  /// An empty `uri` opens a blank page.
  awaitable<ApiResult<Target>> create(RuntimeId runtime, std::string uri, bool activate);
  awaitable<ApiResult<Target>> get(RuntimeId runtime, std::string target);
  awaitable<ApiResult<Target>> activate(RuntimeId runtime, std::string target);
  awaitable<ApiResult<void>> close(RuntimeId runtime, std::string target);

 private:
  RestClient& rest_;
};

}  // namespace bridge::api
