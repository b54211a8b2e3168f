#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace bridge {

/// The bytes of a journal, taken apart. docs/journal-format.md has the format.
struct JournalContent {
  std::vector<std::string> records;
  std::size_t good = 0;     ///< bytes up to the end of the last whole record
  std::size_t torn = 0;     ///< bytes behind them: a write that a crash cut short
  std::size_t damaged = 0;  ///< bytes between whole records that are none: the disk's fault
  bool foreign = false;     ///< the file is no journal, or one of another version
};

/// Never fails: what is no record is left out.
[[nodiscard]] JournalContent read_journal(std::string_view bytes);
/// One record as it stands in the file.
[[nodiscard]] std::string journal_record(std::string_view text);

/// A file of records that survives a crash at any byte: what append() has returned from is there
/// when the file is opened again, and nothing that was not appended is. Of one process at a time.
class Journal {
 public:
  static constexpr std::size_t kRecordMax = 64 * 1024;

  /// Opens or makes the file, 0600, and cuts a torn tail off. A damaged one is copied before, to a
  /// name that ends in ".damaged". `content` has what it holds. Errors: another process has it
  /// (Errc::refused), it is something else (Errc::bad_message) and left as it is, or the disk
  /// refuses.
  [[nodiscard]] static Result<Journal> open(std::string path, JournalContent& content);
  Journal(Journal&& other) noexcept;
  Journal& operator=(Journal&&) = delete;
  ~Journal();

  /// Returns when the record, which is not empty, is on the disk. After an error it may or may not
  /// be.
  [[nodiscard]] Result<void> append(std::string_view text);
  /// The file holds `texts` and nothing else, or, after a crash, what it held before.
  [[nodiscard]] Result<void> replace(std::span<std::string const> texts);

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  Journal(std::string path, int fd, std::size_t size)
      : path_(std::move(path)), fd_(fd), size_(size) {}

  std::string path_;
  int fd_;
  std::size_t size_;
};

}  // namespace bridge
