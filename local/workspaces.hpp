#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "local/descriptor.hpp"
#include "local/errors.hpp"

namespace bridge::local {

/// A file that appears in a workspace under its name when it is whole. What is not published goes.
class WorkspaceFile {
 public:
  WorkspaceFile(Descriptor folder, Descriptor file, std::string temporary, std::string name);
  WorkspaceFile(WorkspaceFile&&) noexcept = default;
  ~WorkspaceFile();

  [[nodiscard]] Descriptor const& file() const { return file_; }
  [[nodiscard]] Result<void> publish();

 private:
  Descriptor folder_;
  Descriptor file_;
  std::string temporary_;
  std::string name_;
};

/// A directory per runtime, which its browser sees as part of this machine. The browser and its
/// pages may put anything there, so nothing in it is trusted: no link is ever followed.
class Workspaces {
 public:
  explicit Workspaces(std::filesystem::path root) : root_(std::move(root)) {}

  /// Where a runtime's files are; not there before there is one.
  [[nodiscard]] std::filesystem::path path_of(RuntimeId const& runtime) const {
    return root_ / runtime.value;
  }
  /// `path` is relative. 400 runtime_file.path_invalid for one that leads out of the workspace or
  /// to no plain file, 404 runtime_file.not_found.
  [[nodiscard]] Outcome<Descriptor> read(RuntimeId const& runtime, std::string_view path) const;
  /// Makes the directories on the way; 400 as above.
  [[nodiscard]] Outcome<WorkspaceFile> create(RuntimeId const& runtime,
                                              std::string_view path) const;
  /// A file of this machine under another name, "downloads/NAME" or one like it that is free;
  /// returns the path. Same file system.
  [[nodiscard]] Outcome<std::string> add_download(RuntimeId const& runtime,
                                                  std::filesystem::path const& at,
                                                  std::string_view name) const;

  /// What a crash has left: the directories of all but the runtimes that are there.
  void remove_others(std::function<bool(RuntimeId const&)> const& is_there) const;

 private:
  std::filesystem::path root_;
};

}  // namespace bridge::local
