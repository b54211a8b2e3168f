#include "daemon/journal.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/unit/local/temporary_directory.hpp"

using namespace bridge;

namespace {

using Texts = std::vector<std::string>;

std::string bytes_of(std::string const& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void put_bytes(std::string const& path, std::string const& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

struct Bench {
  test::TemporaryDirectory directory;
  std::string path = (directory.path() / "journal").string();

  Texts reopened(std::size_t* torn = nullptr) const {
    JournalContent content;
    auto const journal = Journal::open(path, content);
    REQUIRE(journal.has_value());
    if (torn != nullptr) *torn = content.torn;
    return content.records;
  }
};

}  // namespace

TEST_CASE("journal: what was appended is there when it is opened again, in order") {
  Bench bench;
  Texts const texts{R"({"a":1})", std::string(Journal::kRecordMax, 'x'), "last"};
  {
    JournalContent content;
    auto journal = Journal::open(bench.path, content).value();
    CHECK(content.records.empty());
    for (auto const& text : texts) CHECK(journal.append(text).has_value());
    CHECK(journal.append(std::string(Journal::kRecordMax + 1, 'x')).error().is(Errc::too_large));
    CHECK(journal.append("").error().is(Errc::bad_message));
    CHECK(journal.size() == bytes_of(bench.path).size());
  }
  CHECK(bench.reopened() == texts);
  struct stat now {};
  REQUIRE(::stat(bench.path.c_str(), &now) == 0);
  CHECK((now.st_mode & 0777) == 0600);
}

TEST_CASE("journal: cut at any byte it gives what was whole, and goes on behind it") {
  Bench bench;
  Texts const texts{R"({"one":1})", R"({"two":22})", R"({"three":333})"};
  std::vector<std::size_t> ends;  // of the records, by the bytes before each
  {
    JournalContent content;
    auto journal = Journal::open(bench.path, content).value();
    ends.push_back(journal.size());
    for (auto const& text : texts) {
      CHECK(journal.append(text).has_value());
      ends.push_back(journal.size());
    }
  }
  auto const whole = bytes_of(bench.path);
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    CAPTURE(size);
    put_bytes(bench.path, whole.substr(0, size));
    std::size_t left = 0;
    while (left < texts.size() && ends[left + 1] <= size) ++left;
    Texts expected(texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(left));
    std::size_t torn = 0;
    CHECK(bench.reopened(&torn) == expected);
    CHECK(torn == size - (size < ends[0] ? 0 : ends[left]));
    {
      JournalContent content;
      auto journal = Journal::open(bench.path, content).value();
      CHECK(content.torn == 0);
      CHECK(journal.append("more").has_value());
    }
    expected.emplace_back("more");
    CHECK(bench.reopened() == expected);
  }
}

TEST_CASE("journal: damage anywhere costs the record it is in, and invents nothing") {
  auto const first = journal_record("first");
  auto const second = journal_record("second");
  auto const whole = "BCTRLJ1\n" + first + second;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    auto bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
    auto const content = read_journal(bytes);
    CAPTURE(at);
    auto const expected = at < 8                  ? Texts{}
                          : at < 8 + first.size() ? Texts{"second"}
                                                  : Texts{"first"};
    CHECK(content.records == expected);
    CHECK(content.good + content.torn == bytes.size());
    bool const middle = at >= 8 && at < 8 + first.size();
    CHECK(content.damaged == (middle ? first.size() : 0));
  }
}

TEST_CASE("journal: a tail of zeros, which a disk may leave, is cut off") {
  auto const whole = "BCTRLJ1\n" + journal_record("first");
  auto const content = read_journal(whole + std::string(4096, '\0'));
  CHECK(content.records == Texts{"first"});
  CHECK(content.torn == 4096);
  CHECK(content.damaged == 0);
}

TEST_CASE("journal: a damaged one is kept as it was beside the rest") {
  Bench bench;
  auto damaged = "BCTRLJ1\n" + journal_record("first") + journal_record("second");
  damaged[17] = '?';
  put_bytes(bench.path, damaged);
  CHECK(bench.reopened() == Texts{"second"});
  CHECK(bytes_of(bench.path + ".damaged") == damaged);
}

TEST_CASE("journal: replaced, it holds the new records and can be appended to") {
  Bench bench;
  {
    JournalContent content;
    auto journal = Journal::open(bench.path, content).value();
    for (int i = 0; i < 100; ++i) CHECK(journal.append("old").has_value());
    put_bytes(bench.path + ".new", "left by a crash");
    Texts const texts{"new 1", "new 2"};
    CHECK(journal.replace(texts).has_value());
    CHECK(journal.append("new 3").has_value());
  }
  CHECK(bench.reopened() == Texts{"new 1", "new 2", "new 3"});
}

TEST_CASE("journal: one process at a time") {
  Bench bench;
  JournalContent content;
  auto journal = Journal::open(bench.path, content).value();
  JournalContent other;
  CHECK(Journal::open(bench.path, other).error().is(Errc::refused));
  Texts const none;
  CHECK(journal.replace(none).has_value());
  CHECK(Journal::open(bench.path, other).error().is(Errc::refused));
}

TEST_CASE("journal: what is none is refused and left alone") {
  Bench bench;
  put_bytes(bench.path, "BCTRLJ2\nsomething newer");
  JournalContent content;
  auto const refused = Journal::open(bench.path, content).error();
  CHECK(refused.is(Errc::bad_message));
  CHECK(refused.text().find(bench.path + " is damaged") == 0);
  CHECK(refused.text().find("move it away") != std::string::npos);
  CHECK(bytes_of(bench.path) == "BCTRLJ2\nsomething newer");
}

TEST_CASE("journal: a disk that refuses is an error that names the file") {
  JournalContent content;
  auto const opened = Journal::open("/proc/none/journal", content);
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().text().find("/proc/none/journal") != std::string::npos);
}
