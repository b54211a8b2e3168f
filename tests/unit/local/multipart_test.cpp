#include "local/multipart.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace bridge;
using namespace bridge::local;

namespace {

/// Writes down what it gets: "name|filename|type|bytes" for each part that ended.
class Parts final : public PartReceiver {
 public:
  Result<void> begin_part(PartHead head) override {
    now_ = head.name + "|" + head.filename.value_or("-") + "|" + head.content_type + "|";
    return {};
  }
  Result<void> take(std::string_view bytes) override {
    CHECK_FALSE(bytes.empty());
    now_ += bytes;
    return {};
  }
  Result<void> end_part() override {
    ended.push_back(now_);
    return {};
  }
  std::vector<std::string> ended;

 private:
  std::string now_;
};

using Seen = std::vector<std::string>;

/// The parts of `body` fed in pieces of `piece`, then "bad", "too large" or "open" if it is no
/// form.
Seen parts_of(std::string const& body, std::size_t piece = SIZE_MAX, Multipart::Limits limits = {},
              std::size_t first = 0) {
  Parts parts;
  Multipart form("xYz", parts, limits);
  auto const fed = [&](std::string_view bytes) {
    auto const took = form.feed(bytes);
    if (!took) parts.ended.emplace_back(took.error().is(Errc::too_large) ? "too large" : "bad");
    return took.has_value();
  };
  if (first > 0 && !fed(std::string_view(body).substr(0, first))) return parts.ended;
  for (std::size_t at = first; at < body.size(); at += std::min(piece, body.size() - at))
    if (!fed(std::string_view(body).substr(at, piece))) return parts.ended;
  if (!form.finish()) parts.ended.emplace_back("open");
  return parts.ended;
}

std::string part(std::string const& name, std::string const& body) {
  return "--xYz\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + body + "\r\n";
}

std::string const kForm =
    "preamble\r\n--xYz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a%22b.txt\"\r\n"
    "Content-Type: text/plain\r\n\r\nline\r\n--xY\r\n\r\n--\r\n\r\n--xYz \t\r\n"
    "content-disposition:form-data;name=plain\r\n\r\n\r\n--xYz\r\n"
    "X-Other: 1\r\nContent-Disposition: form-data; name=\"none\"\r\n\r\n--xYz\r\n"
    "Content-Disposition: form-data; name=\"w\"; filename=\"C:\\dir\\x;y.bin\"\r\n\r\nz\r\n"
    "--xYz--\r\nepilogue --xYz";

Seen const kParts{"file|a\"b.txt|text/plain|line\r\n--xY\r\n\r\n--\r\n", "plain|-||", "none|-||",
                  "w|x;y.bin||z"};

}  // namespace

TEST_CASE("multipart: a form is read the same however it is cut") {
  CHECK(parts_of(kForm) == kParts);
  for (std::size_t const piece : {1UL, 2UL, 3UL, 5UL, 7UL, 64UL})
    CHECK(parts_of(kForm, piece) == kParts);
  for (std::size_t cut = 1; cut < kForm.size(); ++cut) {
    CAPTURE(cut);
    CHECK(parts_of(kForm, SIZE_MAX, {}, cut) == kParts);
  }
}

TEST_CASE("multipart: the first boundary may be the first byte, and may be the last") {
  CHECK(parts_of(part("a", "1") + "--xYz--") == Seen{"a|-||1"});
  CHECK(parts_of("--xYz--") == Seen{});
  CHECK(parts_of("\r\n--xYz--\r\n") == Seen{});
}

TEST_CASE("multipart: a form cut short, of another boundary or without names is none") {
  auto const whole = part("a", "1") + part("b", "2") + "--xYz--";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(parts_of(whole.substr(0, size)).back() == "open");
  }
  CHECK(parts_of("--other\r\n\r\n\r\n--other--") == Seen{"open"});
  CHECK(parts_of("--xYz\r\n\r\nbody\r\n--xYz--") == Seen{"bad"});
  CHECK(parts_of("--xYzz\r\n\r\nbody\r\n--xYz--") == Seen{"bad"});
  CHECK(parts_of("--xYz\r\nno colon\r\n\r\nbody\r\n--xYz--") == Seen{"bad"});
  CHECK(parts_of("--xYz\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--xYz--") ==
        Seen{"bad"});
  CHECK(parts_of("--xYz\r\nContent-Disposition: form-data\r\n\r\n1\r\n--xYz--") == Seen{"bad"});
  CHECK(parts_of("--xYz" + std::string(300, ' ') + "\r\n") == Seen{"bad"});
}

TEST_CASE("multipart: headers and parts have their limits") {
  auto const head = "--xYz\r\nContent-Disposition: form-data; name=a\r\nX: ";
  CHECK(parts_of(head + std::string(20'000, 'x') + "\r\n\r\n1\r\n--xYz--") == Seen{"too large"});
  CHECK(parts_of(head + std::string(20'000, 'x'), 1000) == Seen{"too large"});
  Multipart::Limits two;
  two.parts = 2;
  auto const pair = part("a", "1") + part("b", "2");
  CHECK(parts_of(pair + "--xYz--", SIZE_MAX, two) == Seen{"a|-||1", "b|-||2"});
  CHECK(parts_of(pair + part("c", "3") + "--xYz--", SIZE_MAX, two).back() == "too large");
}

TEST_CASE("multipart: headers just within their limit are taken however they are cut") {
  auto const body = part("a", "1") + "--xYz--";
  Multipart::Limits limits;
  limits.headers = body.find("\r\n\r\n") - std::string("--xYz").size();
  for (std::size_t cut = 0; cut < body.size(); ++cut) {
    CAPTURE(cut);
    CHECK(parts_of(body, SIZE_MAX, limits, cut) == Seen{"a|-||1"});
  }
  --limits.headers;
  for (std::size_t cut = 0; cut < body.size(); ++cut) {
    CAPTURE(cut);
    CHECK(parts_of(body, SIZE_MAX, limits, cut) == Seen{"too large"});
  }
}

TEST_CASE("multipart: a hundred thousand parts are only much work") {
  Multipart::Limits many;
  many.parts = 100'000;
  std::string body;
  for (int i = 0; i < 100'000; ++i) body += part("a", "1");
  CHECK(parts_of(body + "--xYz--", 60'000, many).size() == 100'000);
  CHECK(parts_of(body + "--xYz--", 60'000).back() == "too large");
}

TEST_CASE("multipart: the boundary is that of the Content-Type") {
  CHECK(multipart_boundary("multipart/form-data; boundary=xYz") == "xYz");
  CHECK(multipart_boundary("Multipart/Form-Data; charset=utf-8; Boundary=\"x;z\"") == "x;z");
  for (auto const* wrong :
       {"", "application/json", "multipart/form-data", "multipart/mixed; boundary=x",
        "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\""})
    CHECK_FALSE(multipart_boundary(wrong).has_value());
  CHECK_FALSE(
      multipart_boundary("multipart/form-data; boundary=" + std::string(71, 'x')).has_value());
}
