#include "daemon/crash_record.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "base/uuid.hpp"

namespace bridge {
namespace {

// Rewriting is cheap below this, and a file of this size is read in no time.
constexpr std::size_t kCompactAt = 256 * 1024;
// Longer than a platform takes for a start.
constexpr std::time_t kRecent = 5 * 60;
constexpr std::size_t kUuidSize = 36;

Error failed(std::string const& doing) {
  return Error(boost::system::error_code(errno, boost::system::system_category()), doing);
}

bool is_uuid(std::string_view text) {
  return text.size() == kUuidSize && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-';
         });
}

// Written beside and renamed: half an id would be another owner's.
Result<std::string> make_owner(std::string const& path) {
  auto const fresh = path + ".new";
  auto const doing = "write " + fresh;
  auto id = new_uuid();
  auto const line = id + "\n";
  int const file =
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return failed(doing);
  bool const written =
      ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
      ::fsync(file) == 0 && ::rename(fresh.c_str(), path.c_str()) == 0;
  auto const error = failed(doing);
  ::close(file);
  if (!written) return error;
  return id;
}

Result<std::string> read_owner(std::string const& path) {
  auto const doing = "read " + path;
  int const file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0 && errno == ENOENT) return make_owner(path);
  if (file < 0) return failed(doing);
  std::array<char, kUuidSize + 1> bytes{};
  auto const got = ::read(file, bytes.data(), bytes.size());
  ::close(file);
  std::string_view const text(bytes.data(), got < 0 ? 0 : static_cast<std::size_t>(got));
  auto const id = text.substr(0, std::min(text.find('\n'), text.size()));
  if (!is_uuid(id)) return Error(Errc::bad_message, doing + ": this is no id of ours");
  return std::string(id);
}

// By the time of the last write. A clock that was set back makes it recent for longer.
bool is_recent(std::string const& path) {
  struct stat what {};
  return ::stat(path.c_str(), &what) == 0 && ::time(nullptr) - what.st_mtime < kRecent;
}

}  // namespace

Result<std::unique_ptr<CrashRecord>> CrashRecord::open(net::Loop& loop,
                                                       std::string const& directory) {
  JournalContent content;
  bool const lately = is_recent(directory + "/journal");
  auto journal = Journal::open(directory + "/journal", content);
  if (!journal) return journal.error();
  auto owner = read_owner(directory + "/owner");
  if (!owner) return owner.error();
  Holdings left;
  for (auto const& record : content.records) (void)left.apply(record);
  auto const records = left.records();
  if (auto const compacted = journal->replace(records); !compacted) return compacted.error();
  auto out = std::unique_ptr<CrashRecord>(
      new CrashRecord(loop, std::move(*journal), std::move(left), lately, std::move(*owner)));
  if (content.damaged > 0)
    out->log_.error(
        "{} bytes in its middle are damaged and were left out; {}/journal.damaged has it as it "
        "was, and `bctrl-bridge gc` finds by their tags what still runs",
        content.damaged, directory);
  if (content.torn > 0)
    out->log_.warn("{} bytes at its end were cut off: a write that a crash cut short",
                   content.torn);
  return out;
}

CrashRecord::CrashRecord(net::Loop& loop, Journal journal, Holdings left, bool left_lately,
                         std::string owner)
    : left_(std::move(left)),
      left_lately_(left_lately),
      holdings_(left_),
      owner_(std::move(owner)),
      journal_(std::move(journal)),
      size_(journal_.size()),
      compact_at_(std::max(kCompactAt, 2 * size_)),
      writing_(loop.executor()) {}

awaitable<Result<void>> CrashRecord::note(Happening what) {
  holdings_.apply(what);
  auto const text = to_record(what);
  size_ += text.size();
  bool const compact = size_ > compact_at_;
  std::vector<std::string> all;
  if (compact) {
    all = holdings_.records();
    size_ = 0;
    for (auto const& record : all) size_ += record.size();
    compact_at_ = std::max(kCompactAt, 2 * size_);
  }
  auto write = [&]() -> Result<void> {
    return compact ? journal_.replace(all) : journal_.append(text);
  };
  auto const written = co_await disk_.run(write);
  if (!written) log_.error("{}", written.error().text());
  co_return written;
}

void CrashRecord::note_soon(Happening what) {
  writing_.spawn("journal", write_soon(std::move(what)));
}

awaitable<void> CrashRecord::write_soon(Happening what) {
  (void)co_await note(std::move(what));
}

}  // namespace bridge
