#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "local/rows.hpp"
#include "base/sqlite.hpp"
#include "local/timestamp.hpp"

namespace bridge::local {

/// A durable file of a space. Its bytes are the blob `hash`.
struct StoredFile {
  std::int64_t position = 0;
  std::string id;
  SpaceId space;
  std::string name;
  std::string path;  ///< unique in its space
  std::string content_type;
  std::int64_t size = 0;
  std::string hash;
  std::string source;               ///< "upload" or "runtime"
  std::optional<std::string> type;  ///< "screenshot", "download", ...
  std::optional<std::string> run;
  std::optional<std::string> runtime;
  std::optional<std::string> metadata;  ///< JSON object
  Timestamp created_at{};
};

/// What paths have in common up to a slash.
struct StoredFolder {
  std::string name;
  std::int64_t files = 0;
  std::int64_t bytes = 0;
  Timestamp last_created_at{};
};

struct FileFilter {
  std::optional<std::string> space;
  std::optional<std::string> subaccount;  ///< whose spaces
  std::optional<std::string> source;
  std::optional<std::string> path;
  std::optional<std::string> prefix;  ///< of the path
  std::optional<std::string> text;    ///< part of name or path, whatever its case
  std::optional<std::string> run;
  std::optional<std::string> runtime;
  std::vector<std::string> types;  ///< empty: any
  std::optional<Timestamp> created_after;
  bool direct = false;  ///< no slash behind the prefix
};

/// The rows of files in the store's database. Calls throw StoreFailure when the disk fails.
class FileStore {
 public:
  explicit FileStore(Database& database) : database_(database) {}

  /// False when its path is taken; then nothing has changed. Sets position.
  [[nodiscard]] bool add(StoredFile& file);
  /// Name and metadata.
  void update(StoredFile const& file);
  void remove(std::string_view id);

  [[nodiscard]] std::optional<StoredFile> find(std::string_view id);
  [[nodiscard]] bool has_path(SpaceId const& space, std::string_view path);
  [[nodiscard]] Slice<StoredFile> list(FileFilter const& filter, Range range);  // newest first
  /// By path, all there are: a list of files has pages, its folders have none.
  [[nodiscard]] std::vector<StoredFolder> folders(FileFilter const& filter);
  struct Totals {
    std::int64_t files = 0;
    std::int64_t bytes = 0;
  };
  [[nodiscard]] Totals totals(FileFilter const& filter);

  /// Whether any file has this blob.
  [[nodiscard]] bool uses(std::string_view hash);
  /// The blobs of all files, or of those in one space.
  [[nodiscard]] std::set<std::string> hashes(std::optional<std::string> const& space);

 private:
  Database& database_;
};

}  // namespace bridge::local
