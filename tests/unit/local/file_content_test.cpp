#include "local/file_content.hpp"

#include <doctest/doctest.h>

using namespace bridge::local;

TEST_CASE("file content: a range is a part, everything, or nothing there is") {
  using Part = std::optional<ByteRange>;
  struct Row {
    char const* header;
    std::uint64_t size;
    bool satisfiable;
    Part part;
  };
  for (auto const& row : {
           Row{"bytes=0-3", 10, true, ByteRange{0, 3}},
           Row{"bytes=9-9", 10, true, ByteRange{9, 9}},
           Row{"bytes=4-", 10, true, ByteRange{4, 9}},
           Row{"bytes=4-99", 10, true, ByteRange{4, 9}},
           Row{"bytes=-3", 10, true, ByteRange{7, 9}},
           Row{"bytes=-99", 10, true, ByteRange{0, 9}},
           Row{"Bytes= 0-0 ", 10, true, ByteRange{0, 0}},
           Row{"bytes=10-", 10, false, {}},
           Row{"bytes=-0", 10, false, {}},
           Row{"bytes=0-", 0, false, {}},
           Row{"bytes=-1", 0, false, {}},
           Row{"", 10, true, {}},
           Row{"bytes=3-1", 10, true, {}},
           Row{"bytes=1-2,4-5", 10, true, {}},
           Row{"lines=1-2", 10, true, {}},
           Row{"bytes=a-b", 10, true, {}},
           Row{"bytes=-", 10, true, {}},
           Row{"bytes=99999999999999999999999-", 10, true, {}},
       }) {
    CAPTURE(row.header);
    auto const answer = read_range_header(row.header, row.size);
    CHECK(answer.satisfiable == row.satisfiable);
    CHECK(answer.part == row.part);
  }
}

TEST_CASE("file content: any name survives the header that carries it") {
  CHECK(attachment_header("a.txt") == "attachment; filename=\"a.txt\"; filename*=UTF-8''a.txt");
  CHECK(attachment_header("é \"x\"\r\nSet-Cookie: a") ==
        "attachment; filename=\"_ _x___Set-Cookie: a\"; "
        "filename*=UTF-8''%C3%A9%20%22x%22%0D%0ASet-Cookie%3A%20a");
}
