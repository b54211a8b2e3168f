#pragma once

#include <string>
#include <string_view>

#include "api/platform.hpp"

namespace bridge::api {

// The JSON of the contract. Readers are tolerant: unknown members are ignored, wrong types count as
// absent, and every spelling that the platform has had is accepted. An error (code "api.error")
// means that the body is not JSON, is nested deeper than kJsonDepthMax, or lacks the id without
// which it is of no use.

inline constexpr std::size_t kJsonDepthMax = 256;

[[nodiscard]] ApiResult<Whoami> read_whoami(std::string_view body);
[[nodiscard]] ApiResult<Space> read_space(std::string_view body);
[[nodiscard]] ApiResult<Page<Space>> read_spaces(std::string_view body);
[[nodiscard]] ApiResult<Runtime> read_runtime(std::string_view body);
[[nodiscard]] ApiResult<Page<Runtime>> read_runtimes(std::string_view body);
/// `connect_url` may be empty here: the answer of a server that starts in the background.
[[nodiscard]] ApiResult<RuntimeStart> read_runtime_start(std::string_view body);
[[nodiscard]] ApiResult<RuntimeStop> read_runtime_stop(std::string_view body);
[[nodiscard]] ApiResult<Run> read_run(std::string_view body);
[[nodiscard]] ApiResult<Page<Run>> read_runs(std::string_view body);
[[nodiscard]] ApiResult<Page<RunEvent>> read_events(std::string_view body);

/// The error in a reply that is not a success. Never fails: a body that is not JSON becomes the
/// message.
[[nodiscard]] ApiError read_error(unsigned status, std::string_view body);

/// Request bodies. An error when a `..._json` member is not a JSON object.
[[nodiscard]] ApiResult<std::string> write_runtime_create(RuntimeCreate const& request);
[[nodiscard]] ApiResult<std::string> write_runtime_update(RuntimeUpdate const& request);
[[nodiscard]] std::string write_space_create(std::string_view name);

}  // namespace bridge::api
