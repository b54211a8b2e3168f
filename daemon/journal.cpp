#include "daemon/journal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/crc.hpp>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace bridge {
namespace {

constexpr std::string_view kMagic = "BCTRLJ1\n";
constexpr std::size_t kHeadSize = 8;

Error failed(std::string const& doing) {
  return Error(boost::system::error_code(errno, boost::system::system_category()), doing);
}

std::uint32_t crc_of(std::string_view bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

void put_number(std::string& out, std::uint32_t number) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>((number >> shift) & 0xFF);
}

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i)
    number |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return number;
}

/// Empty: there is none. No record is empty: zeros would be full of them.
std::string_view record_at(std::string_view bytes, std::size_t at) {
  if (bytes.size() - at < kHeadSize) return {};
  auto const length = number_at(bytes, at);
  auto const begin = at + kHeadSize;
  if (length > Journal::kRecordMax || bytes.size() - begin < length) return {};
  auto const text = bytes.substr(begin, length);
  return crc_of(text) == number_at(bytes, at + 4) ? text : std::string_view();
}

Result<void> write_whole(int fd, std::string_view bytes, std::string const& doing) {
  while (!bytes.empty()) {
    auto const written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed(doing);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fdatasync(fd) != 0) return failed(doing);
  return {};
}

Result<std::string> read_whole(int fd, std::string const& doing) {
  std::string bytes;
  std::string piece(64 * 1024, '\0');
  for (;;) {
    auto const got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(doing);
    if (got == 0) return bytes;
    bytes.append(piece.data(), static_cast<std::size_t>(got));
  }
}

// A new name is on the disk when its directory is.
void sync_directory_of(std::string const& path) {
  auto const slash = path.rfind('/');
  auto const directory = slash == std::string::npos ? std::string(".") : path.substr(0, slash + 1);
  int const fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  (void)::fsync(fd);
  ::close(fd);
}

Result<int> open_locked(std::string const& path, int flags, std::string const& doing) {
  int const fd = ::open(path.c_str(), flags | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return failed(doing);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  bool const taken = errno == EWOULDBLOCK;
  auto error =
      taken ? Error(Errc::refused, fmt::format("{}: another daemon has it", doing)) : failed(doing);
  ::close(fd);
  return error;
}

Result<void> keep_copy(std::string const& path, std::string_view bytes) {
  auto const doing = "write " + path;
  ::unlink(path.c_str());
  int const fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return failed(doing);
  auto const written = write_whole(fd, bytes, doing);
  ::close(fd);
  return written;
}

}  // namespace

std::string journal_record(std::string_view text) {
  std::string out;
  out.reserve(kHeadSize + text.size());
  put_number(out, static_cast<std::uint32_t>(text.size()));
  put_number(out, crc_of(text));
  out += text;
  return out;
}

JournalContent read_journal(std::string_view bytes) {
  JournalContent content;
  if (!bytes.starts_with(kMagic)) {
    content.torn = bytes.size();
    content.foreign = !kMagic.starts_with(bytes);
    return content;
  }
  content.good = kMagic.size();
  for (auto at = content.good; at < bytes.size();) {
    auto const text = record_at(bytes, at);
    if (text.empty()) {
      ++at;
      continue;
    }
    content.records.emplace_back(text);
    content.damaged += at - content.good;
    at += kHeadSize + text.size();
    content.good = at;
  }
  content.torn = bytes.size() - content.good;
  return content;
}

Result<Journal> Journal::open(std::string path, JournalContent& content) {
  auto const doing = "open " + path;
  auto const opened = open_locked(path, O_CREAT, doing);
  if (!opened) return opened.error();
  Journal journal(path, *opened, 0);
  // Another process may have put a new file in its place while we waited for nothing.
  struct stat ours {};
  struct stat named {};
  if (::fstat(journal.fd_, &ours) != 0 || ::stat(path.c_str(), &named) != 0 ||
      ours.st_ino != named.st_ino)
    return Error(Errc::refused, doing + ": another daemon has it");
  auto const bytes = read_whole(journal.fd_, doing);
  if (!bytes) return bytes.error();
  content = read_journal(*bytes);
  if (content.foreign)
    return Error::saying(Errc::bad_message,
                         path +
                             " is damaged, or of another version; move it away and start again: "
                             "`bctrl-bridge gc` then finds by their tags what still runs");
  if (content.damaged > 0) {
    auto const kept = keep_copy(path + ".damaged", *bytes);
    if (!kept) return kept.error();
  }
  journal.size_ = content.good;
  if (::ftruncate(journal.fd_, static_cast<off_t>(content.good)) != 0) return failed(doing);
  if (::lseek(journal.fd_, static_cast<off_t>(content.good), SEEK_SET) < 0) return failed(doing);
  if (content.good == 0) {
    auto const begun = write_whole(journal.fd_, kMagic, doing);
    if (!begun) return begun.error();
    journal.size_ = kMagic.size();
    sync_directory_of(path);
  }
  return journal;
}

Journal::Journal(Journal&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}

Journal::~Journal() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> Journal::append(std::string_view text) {
  auto const doing = "write " + path_;
  if (text.empty()) return Error(Errc::bad_message, doing);
  if (text.size() > kRecordMax) return Error(Errc::too_large, doing);
  auto const record = journal_record(text);
  auto const written = write_whole(fd_, record, doing);
  if (written) {
    size_ += record.size();
    return {};
  }
  // What did get there would hide every later record behind it.
  (void)::ftruncate(fd_, static_cast<off_t>(size_));
  (void)::lseek(fd_, static_cast<off_t>(size_), SEEK_SET);
  return written;
}

Result<void> Journal::replace(std::span<std::string const> texts) {
  auto const fresh = path_ + ".new";
  auto const doing = "write " + fresh;
  ::unlink(fresh.c_str());  // left by a crash
  std::string bytes(kMagic);
  for (auto const& text : texts) bytes += journal_record(text);
  auto const opened = open_locked(fresh, O_CREAT | O_EXCL, doing);
  if (!opened) return opened.error();
  auto const written = write_whole(*opened, bytes, doing);
  if (!written || ::rename(fresh.c_str(), path_.c_str()) != 0) {
    auto error = written ? failed(doing) : written.error();
    ::close(*opened);
    return error;
  }
  sync_directory_of(path_);
  ::close(fd_);
  fd_ = *opened;
  size_ = bytes.size();
  return {};
}

}  // namespace bridge
