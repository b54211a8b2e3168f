#pragma once

#include <string>
#include <vector>

#include "config/load.hpp"
#include "daemon/api_fields.hpp"

namespace bridge {

/// `bctrl-bridge api METHOD PATH`: one call of the API, in the cloud or of the local backend, with
/// what it answers on standard output.
struct ApiVerb {
  std::string method;
  std::string path;  ///< "/v1/runtimes", "runtimes" or "/_local/info"
  std::vector<ApiField> fields;
  std::vector<std::string> headers;  ///< "Name: value"
  std::vector<std::string> form;     ///< see ApiBody::form
  std::string input;                 ///< file of the body; "-": standard input; empty: none
  std::string output;                ///< file for what is answered; empty: standard output
  bool paginate = false;
  bool show_head = false;  ///< status and headers too
};

/// Returns the exit code: 0 when the API said yes, else what its error means (failure_of()).
[[nodiscard]] int call_api(ApiVerb const& verb, config::Loaded const& loaded,
                           config::Env const& env);

}  // namespace bridge
