#include "local/workspaces.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/uuid.hpp"
#include "local/file_path.hpp"

namespace bridge::local {
namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

Problem invalid(std::string_view path) {
  Problem problem(400, std::string(kRuntimePath),
                  fmt::format("\"{}\" is not a file of this runtime.", path),
                  "Paths are relative to the runtime's files and lead through no link.");
  problem.details = R"({"field":"runtimePath"})";
  return problem;
}

Problem failed() {
  return Problem(503, "storage.unavailable", "The runtime's files cannot be used.",
                 "Is the disk full?");
}

// What a failed open along `path` means to the caller.
Problem problem_of(int code, std::string_view path) {
  if (code == ENOENT) return Problem::not_found("runtime_file", path);
  if (code == ELOOP || code == ENOTDIR || code == EISDIR || code == ENXIO || code == ENAMETOOLONG)
    return invalid(path);
  return failed();
}

// The directory that the last segment is in. One segment at a time: none may be a link.
Outcome<Descriptor> open_folder(std::filesystem::path const& root, std::string_view path,
                                std::vector<std::string> const& segments, bool create) {
  if (create) {
    std::error_code ignored;
    std::filesystem::create_directories(root, ignored);
  }
  Descriptor folder(::open(root.c_str(), kFolderFlags));
  if (!folder.is_open()) return problem_of(errno, path);
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    auto const* const name = segments[i].c_str();
    if (create && ::mkdirat(folder.get(), name, 0700) != 0 && errno != EEXIST) return failed();
    Descriptor next(::openat(folder.get(), name, kFolderFlags));
    if (!next.is_open()) return problem_of(errno, path);
    folder = std::move(next);
  }
  return folder;
}

}  // namespace

WorkspaceFile::WorkspaceFile(Descriptor folder, Descriptor file, std::string temporary,
                             std::string name)
    : folder_(std::move(folder)),
      file_(std::move(file)),
      temporary_(std::move(temporary)),
      name_(std::move(name)) {}

WorkspaceFile::~WorkspaceFile() {
  if (folder_.is_open()) ::unlinkat(folder_.get(), temporary_.c_str(), 0);
}

Result<void> WorkspaceFile::publish() {
  if (::renameat(folder_.get(), temporary_.c_str(), folder_.get(), name_.c_str()) != 0)
    return system_error("name a file of a runtime");
  Descriptor const done(folder_.release());
  return {};
}

Outcome<Descriptor> Workspaces::read(RuntimeId const& runtime, std::string_view path) const {
  if (auto problem = check_path(path, "runtimePath", kRuntimePath)) return std::move(*problem);
  auto const segments = segments_of(path);
  auto const folder = open_folder(path_of(runtime), path, segments, false);
  if (!folder) return folder.error();
  // Not blocking: a pipe would make us wait for its other end.
  Descriptor file(::openat(folder->get(), segments.back().c_str(),
                           O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.is_open()) return problem_of(errno, path);
  struct stat found {};
  if (::fstat(file.get(), &found) != 0 || !S_ISREG(found.st_mode)) return invalid(path);
  return file;
}

Outcome<WorkspaceFile> Workspaces::create(RuntimeId const& runtime, std::string_view path) const {
  if (auto problem = check_path(path, "runtimePath", kRuntimePath)) return std::move(*problem);
  auto const segments = segments_of(path);
  auto folder = open_folder(path_of(runtime), path, segments, true);
  if (!folder) return folder.error();
  struct stat found {};
  if (::fstatat(folder->get(), segments.back().c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 &&
      !S_ISREG(found.st_mode))
    return invalid(path);
  auto temporary = "." + new_uuid();
  Descriptor file(::openat(folder->get(), temporary.c_str(),
                           O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) return failed();
  return WorkspaceFile(std::move(*folder), std::move(file), std::move(temporary), segments.back());
}

Outcome<std::string> Workspaces::add_download(RuntimeId const& runtime,
                                              std::filesystem::path const& at,
                                              std::string_view name) const {
  auto const wanted = fmt::format("downloads/{}", name);
  auto const folder = open_folder(path_of(runtime), wanted, segments_of(wanted), true);
  if (!folder) return folder.error();
  auto path = wanted;
  for (int number = 2;; ++number) {
    std::string const free(last_segment(path));
    if (::linkat(AT_FDCWD, at.c_str(), folder->get(), free.c_str(), 0) == 0) return path;
    if (errno != EEXIST) return failed();
    path = numbered_path(wanted, number);
  }
}

void Workspaces::remove_others(std::function<bool(RuntimeId const&)> const& is_there) const {
  std::error_code ignored;
  for (auto const& entry : std::filesystem::directory_iterator(root_, ignored))
    if (!is_there(RuntimeId{entry.path().filename().string()}))
      std::filesystem::remove_all(entry.path(), ignored);
}

}  // namespace bridge::local
