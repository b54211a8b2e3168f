#include "daemon/api_form.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/local/temporary_directory.hpp"

using namespace bridge;

namespace {

std::string all_of(ApiBody& body) {
  std::string out;
  for (;;) {
    auto const piece = body.next();
    REQUIRE(piece.has_value());
    if (piece->empty()) return out;
    out += *piece;
  }
}

}  // namespace

TEST_CASE("api_form: a file is sent in pieces, as long as it said") {
  test::TemporaryDirectory dir;
  auto const path = (dir.path() / "large").string();
  std::string const content(200'000, 'x');
  std::ofstream(path, std::ios::binary) << content;
  auto const body = ApiBody::file(path).value();
  CHECK(body->size() == content.size());
  CHECK(all_of(*body) == content);
  CHECK(body->next().value().empty());
}

TEST_CASE("api_form: a file that shrinks while it is sent is an error, not a short body") {
  test::TemporaryDirectory dir;
  auto const path = (dir.path() / "large").string();
  std::ofstream(path, std::ios::binary) << std::string(100, 'x');
  auto const body = ApiBody::file(path).value();
  std::filesystem::resize_file(path, 0);
  auto const piece = body->next();
  REQUIRE(!piece);
  CHECK(piece.error().text() == path + " became shorter while it was sent");
}

TEST_CASE("api_form: a form is what browsers send") {
  test::TemporaryDirectory dir;
  auto const path = (dir.path() / "a \"b\".png").string();
  std::ofstream(path, std::ios::binary) << "PNG";
  auto const body =
      ApiBody::form({"path=/x", "file=@" + path + ";type=image/png", "raw=@" + path}).value();
  auto const boundary = body->content_type().substr(body->content_type().find('=') + 1);
  CHECK(body->content_type() == "multipart/form-data; boundary=" + boundary);
  auto const size = body->size();
  auto const text = all_of(*body);
  CHECK(size == text.size());
  CHECK(text == "--" + boundary +
                    "\r\nContent-Disposition: form-data; name=\"path\"\r\n\r\n/x\r\n--" + boundary +
                    "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a %22b%22.png\""
                    "\r\nContent-Type: image/png\r\n\r\nPNG\r\n--" +
                    boundary +
                    "\r\nContent-Disposition: form-data; name=\"raw\"; filename=\"a %22b%22.png\""
                    "\r\nContent-Type: application/octet-stream\r\n\r\nPNG\r\n--" +
                    boundary + "--\r\n");
}

TEST_CASE("api_form: what is no part or no file is refused by name") {
  CHECK(ApiBody::form({"name"}).error().text() ==
        "part name: write it as name=value or name=@FILE");
  CHECK(ApiBody::form({"f=@/nowhere/x"}).error().text().starts_with("read /nowhere/x"));
  CHECK(ApiBody::file("/").error().text() == "/ is no file");
}
