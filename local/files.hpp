#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "local/blobs.hpp"
#include "local/errors.hpp"
#include "local/file_store.hpp"
#include "local/json.hpp"
#include "local/store.hpp"
#include "local/workspaces.hpp"
#include "net/disk.hpp"

namespace bridge::local {

/// Durable files with their bytes, and the files of runtimes. What add() has returned survives a
/// crash; bytes that no file has any more go away, and so do the files of runtimes that are gone.
class Files {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Files>> open(Store& store,
                                                           std::filesystem::path const& home);

  /// "http://127.0.0.1:PORT", in front of every downloadUrl.
  void set_origin(std::string origin) { origin_ = std::move(origin); }

  [[nodiscard]] FileStore& rows() { return rows_; }
  [[nodiscard]] Blobs& blobs() { return *blobs_; }
  [[nodiscard]] net::Disk& disk() { return disk_; }
  [[nodiscard]] Workspaces const& workspaces() const { return workspaces_; }

  /// `file` without id, time and what the blob says. Without a path it gets one like its name that
  /// is free; 409 storage_file.path_exists when its own is taken, 404 when its space has gone.
  [[nodiscard]] Outcome<StoredFile> add(StoredFile file, Blob const& blob);
  void remove(StoredFile const& file);
  /// The space itself, and with it all files in it.
  void remove_space(SpaceId const& space);

  /// Makes a file of what lies at `runtime_path` in the runtime's workspace. `file` as for add();
  /// its space, runtime, run and name are filled in where it has none.
  awaitable<Outcome<StoredFile>> collect(Runtime runtime, std::string runtime_path,
                                         StoredFile file);
  /// The same for a download that has ended and lies at `at` on this machine, for whoever records
  /// runs. It appears in the runtime's downloads, too. `name` is what the server called it.
  awaitable<Outcome<StoredFile>> keep_download(RunId run, std::filesystem::path at,
                                               std::string name);
  /// The same for whoever only wants to know it by its id; what goes wrong is logged.
  awaitable<std::optional<std::string>> take_download(RunId run, std::filesystem::path at,
                                                      std::string name);

  /// As the contract shows it.
  [[nodiscard]] Json view(StoredFile const& file) const;
  /// 409 storage_file.path_exists.
  [[nodiscard]] static Problem path_exists(std::string_view path);
  /// 413 for what is too large, else 503 storage.unavailable; the log says why.
  [[nodiscard]] Problem unavailable(Error const& error) const;

 private:
  Files(Store& store, std::filesystem::path const& home);

  Store& store_;
  Log log_{"local files"};
  net::Disk disk_{4};  // a long copy does not keep the others waiting
  std::unique_ptr<Blobs> blobs_;
  FileStore rows_;
  Workspaces workspaces_;
  std::string origin_;
};

/// The run that a runtime's files belong to: the active one, else the last.
[[nodiscard]] std::optional<std::string> current_run(Store& store, Runtime const& runtime);

}  // namespace bridge::local
