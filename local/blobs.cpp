#include "local/blobs.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace bridge::local {
namespace {

constexpr std::size_t kCopyPiece = 1 << 20;

/// Calls `each` with what is in a file, piece by piece.
template <class Each>
Result<void> read_pieces(net::Disk const& disk, int file, Each each) {
  for (std::uint64_t at = 0;;) {
    auto const bytes = read_at(file, at, kCopyPiece);
    if (!bytes) return bytes.error();
    if (bytes->empty()) return {};
    at += bytes->size();
    Result<void> const took = each(std::string_view(*bytes));
    if (!took) return took;
    if (bytes->size() < kCopyPiece) return {};
    if (disk.is_stopping()) return Error(Errc::cancelled, "copy a file");
  }
}

}  // namespace

BlobWriter::~BlobWriter() {
  if (file_.is_open()) ::unlink(path_.c_str());
}

Result<void> BlobWriter::write(std::string_view bytes) {
  hash_.add(bytes);
  size_ += bytes.size();
  return write_all(file_.get(), bytes);
}

Blob::Blob(Blobs& of, std::string hash, std::uint64_t size)
    : of_(&of), hash_(std::move(hash)), size_(size) {
  ++of_->pins_[hash_];
}

Blob::Blob(Blob&& other) noexcept
    : of_(std::exchange(other.of_, nullptr)), hash_(std::move(other.hash_)), size_(other.size_) {}

Blob::~Blob() {
  if (of_ == nullptr) return;
  auto const pin = of_->pins_.find(hash_);
  if (--pin->second > 0) return;
  of_->pins_.erase(pin);
  if (!of_->used_(hash_)) of_->remove(hash_);
}

Result<std::unique_ptr<Blobs>> Blobs::open(std::filesystem::path directory, net::Disk& disk) {
  std::error_code ec;
  std::filesystem::create_directories(directory, ec);
  if (ec) return system_error("create " + directory.string(), ec);
  ::chmod(directory.c_str(), 0700);
  Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.is_open()) return system_error("open " + directory.string());
  return std::unique_ptr<Blobs>(new Blobs(std::move(directory), std::move(opened), disk));
}

Blobs::Blobs(std::filesystem::path directory, Descriptor opened, net::Disk& disk)
    : directory_(std::move(directory)), opened_(std::move(opened)), disk_(disk) {}

Result<BlobWriter> Blobs::begin() {
  auto path = directory_ / fmt::format("new-{}-{}", ::getpid(), ++begun_);
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) return system_error("create a file for new bytes");
  return BlobWriter(std::move(file), std::move(path));
}

awaitable<Result<Blob>> Blobs::keep(BlobWriter writer) {
  // Pinned before it has its name: nobody may take it for unused in between.
  Blob blob(*this, writer.hash_.hex(), writer.size_);
  auto const target = directory_ / blob.hash();
  auto work = [&]() -> Result<void> {
    if (::fsync(writer.file_.get()) != 0) return system_error("write a file to the disk");
    if (::rename(writer.path_.c_str(), target.c_str()) != 0) return system_error("name a file");
    if (::fsync(opened_.get()) != 0) return system_error("write a directory to the disk");
    return {};
  };
  auto const kept = co_await disk_.run(work);
  if (!kept) co_return kept.error();
  Descriptor const done(writer.file_.release());
  co_return std::move(blob);
}

awaitable<Result<Blob>> Blobs::take(Descriptor from, std::uint64_t most) {
  auto writer = begin();
  if (!writer) co_return writer.error();
  auto const write = [&](std::string_view bytes) -> Result<void> {
    if (writer->size() + bytes.size() > most) return Error(Errc::too_large, "copy a file");
    return writer->write(bytes);
  };
  auto work = [&] { return read_pieces(disk_, from.get(), write); };
  auto const filled = co_await disk_.run(work);
  if (!filled) co_return filled.error();
  co_return co_await keep(std::move(*writer));
}

Result<Descriptor> Blobs::read(std::string const& hash) const {
  Descriptor file(::openat(opened_.get(), hash.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.is_open()) return system_error("open the bytes of a file");
  return file;
}

Result<void> Blobs::read_through(std::string const& hash,
                                 std::function<Result<void>(std::string_view)> const& each) const {
  auto const file = read(hash);
  if (!file) return file.error();
  return read_pieces(disk_, file->get(), each);
}

awaitable<Result<void>> Blobs::copy(std::string hash, Descriptor const& to) {
  auto const write = [&](std::string_view bytes) { return write_all(to.get(), bytes); };
  auto work = [&] { return read_through(hash, write); };
  co_return co_await disk_.run(work);
}

void Blobs::remove(std::string const& hash) {
  if (!pins_.contains(hash)) ::unlinkat(opened_.get(), hash.c_str(), 0);
}

void Blobs::remove_others(std::set<std::string> const& used) {
  std::error_code ignored;
  for (auto const& entry : std::filesystem::directory_iterator(directory_, ignored))
    if (!used.contains(entry.path().filename().string())) ::unlink(entry.path().c_str());
}

}  // namespace bridge::local
