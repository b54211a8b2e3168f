#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "local/descriptor.hpp"
#include "local/hash.hpp"
#include "net/disk.hpp"

namespace bridge::local {

class Blobs;

/// Bytes on their way to become a blob. What is not kept goes with it.
class BlobWriter {
 public:
  BlobWriter(BlobWriter&&) noexcept = default;
  BlobWriter& operator=(BlobWriter&&) = delete;
  ~BlobWriter();

  [[nodiscard]] Result<void> write(std::string_view bytes);
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Where it stands now, for who wants to read it before it is kept, or instead.
  [[nodiscard]] int descriptor() const { return file_.get(); }

 private:
  friend class Blobs;
  BlobWriter(Descriptor file, std::filesystem::path path)
      : file_(std::move(file)), path_(std::move(path)) {}

  Descriptor file_;
  std::filesystem::path path_;
  Sha256 hash_;
  std::uint64_t size_ = 0;
};

/// A blob that nobody removes while this lives. Long enough to write down that it is used; when
/// nobody has, it goes with the last of these.
class Blob {
 public:
  Blob(Blobs& of, std::string hash, std::uint64_t size);
  ~Blob();
  Blob(Blob&& other) noexcept;
  Blob& operator=(Blob&&) = delete;

  [[nodiscard]] std::string const& hash() const { return hash_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  Blobs* of_;
  std::string hash_;
  std::uint64_t size_;
};

/// Contents by their SHA-256, one file each. What keep() has returned survives a crash; whatever
/// else a crash leaves, remove_others() takes away.
class Blobs {
 public:
  /// Creates the directory when missing. Owned by one process.
  [[nodiscard]] static Result<std::unique_ptr<Blobs>> open(std::filesystem::path directory,
                                                           net::Disk& disk);
  /// Says which blobs the store knows, for what has been written in vain: until it is set, all.
  void set_used(std::function<bool(std::string const&)> used) { used_ = std::move(used); }

  [[nodiscard]] Result<BlobWriter> begin();
  /// On the disk when it returns.
  awaitable<Result<Blob>> keep(BlobWriter writer);
  /// The rest of an open file as a new blob, at most `most` bytes; too_large beyond, cancelled when
  /// the disk stops.
  awaitable<Result<Blob>> take(Descriptor from, std::uint64_t most);

  [[nodiscard]] Result<Descriptor> read(std::string const& hash) const;
  /// Hands the bytes of a blob to `each`, piece by piece, until that fails. For the disk's thread.
  [[nodiscard]] Result<void> read_through(
      std::string const& hash, std::function<Result<void>(std::string_view)> const& each) const;
  /// Writes a blob into an open file.
  awaitable<Result<void>> copy(std::string hash, Descriptor const& to);

  /// Call when the last use of it may have gone from the store. Kept while a Blob of it lives.
  void remove(std::string const& hash);
  /// What a crash has left: everything but `used`.
  void remove_others(std::set<std::string> const& used);

 private:
  friend class Blob;
  Blobs(std::filesystem::path directory, Descriptor opened, net::Disk& disk);

  std::filesystem::path directory_;
  Descriptor opened_;
  net::Disk& disk_;
  std::function<bool(std::string const&)> used_ = [](auto const&) { return true; };
  std::map<std::string, int> pins_;
  std::uint64_t begun_ = 0;
};

}  // namespace bridge::local
