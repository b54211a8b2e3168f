#pragma once

#include <cstdint>

#include "api/rest_client.hpp"

namespace bridge::api {

/// A file of a space, uploaded or left by a run.
struct StoredFile {
  std::string id;
  SpaceId space;
  std::string name;
  std::string path;
  std::string content_type;
  std::uint64_t size = 0;  ///< bytes
  std::string source;      ///< upload or runtime
  std::string created_at;
  RunId run;
  RuntimeId runtime;
};

/// Members left empty do not narrow the list.
struct FileQuery {
  SpaceId space;
  std::string prefix;  ///< of the path
  std::string text;    ///< found in names
  RunId run;
  RuntimeId runtime;
  std::string cursor;
  unsigned limit = 0;
};

/// Contents go by net::transfer(): `bctrl-bridge api` has both directions.
class Files {
 public:
  explicit Files(RestClient& rest) : rest_(rest) {}

  awaitable<ApiResult<Page<StoredFile>>> list(FileQuery query);
  awaitable<ApiResult<StoredFile>> get(std::string id);
  awaitable<ApiResult<void>> remove(std::string id);
  /// Keeps what lies at `runtime_path` of a runtime's workspace.
  awaitable<ApiResult<StoredFile>> collect(RuntimeId runtime, std::string runtime_path);
  /// Puts a file into a runtime's workspace; the answer is where, relative to it.
  awaitable<ApiResult<std::string>> stage(RuntimeId runtime, std::string file);

 private:
  RestClient& rest_;
};

}  // namespace bridge::api
