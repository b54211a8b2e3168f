#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "local/camera.hpp"
#include "local/frame_file.hpp"
#include "local/view_leases.hpp"
#include "local/viewer_input.hpp"
#include "temporary_directory.hpp"

using namespace bridge::local;
using bridge::RunId;

namespace {

Timestamp at(std::int64_t ms) {
  return Timestamp(std::chrono::milliseconds(ms));
}

}  // namespace

TEST_CASE("view leases: an address opens what it was made for until it expires") {
  ViewLeases leases;
  ViewLease lease;
  lease.run = RunId{"run"};
  lease.input = true;
  lease.expires = at(100);
  auto const token = leases.add(lease, at(0))->reveal();
  auto const other = leases.add(lease, at(0))->reveal();
  CHECK(token != other);
  CHECK(token.size() >= 43);
  CHECK(leases.find(token, at(99))->input);
  CHECK(leases.find(token, at(99))->run == RunId{"run"});
  CHECK_FALSE(leases.find(token, at(100)));
  CHECK_FALSE(leases.find("", at(0)));
  CHECK_FALSE(leases.find(token.substr(1), at(0)));
}

TEST_CASE("view leases: there is room again when some have expired") {
  ViewLeases leases;
  ViewLease lease;
  lease.expires = at(100);
  for (std::size_t count = 0; count < ViewLeases::kMax; ++count) REQUIRE(leases.add(lease, at(0)));
  CHECK_FALSE(leases.add(lease, at(99)));
  lease.expires = at(200);
  CHECK(leases.add(lease, at(100)));
}

TEST_CASE("viewer input: what a person does becomes what the page gets") {
  auto const click = page_command(Json::parse(
      R"({"type":"mouse","kind":"down","x":10,"y":20,"button":"left","buttons":1,"clicks":2})"));
  REQUIRE(click);
  CHECK(click->method == "Input.dispatchMouseEvent");
  CHECK(click->params == Json::parse(R"({"type":"mousePressed","x":10.0,"y":20.0,"modifiers":0,
    "button":"left","buttons":1,"clickCount":2})"));
  auto const wheel = page_command(Json::parse(R"({"type":"wheel","x":1,"y":2,"dx":0,"dy":120})"));
  CHECK(wheel->params.at("type") == "mouseWheel");
  CHECK(wheel->params.at("deltaY") == 120);
  auto const key = page_command(Json::parse(
      R"({"type":"key","kind":"down","key":"a","code":"KeyA","keyCode":65,"text":"a"})"));
  CHECK(key->params.at("type") == "keyDown");
  CHECK(key->params.at("text") == "a");
  auto const command = page_command(
      Json::parse(R"({"type":"key","kind":"down","key":"a","keyCode":65,"modifiers":2})"));
  CHECK(command->params.at("type") == "rawKeyDown");
  auto const up = page_command(Json::parse(R"({"type":"key","kind":"up","key":"a","text":"a"})"));
  CHECK(up->params.at("type") == "keyUp");
  CHECK_FALSE(up->params.contains("text"));
  CHECK(page_command(Json::parse(R"({"type":"text","text":"x"})"))->method == "Input.insertText");
  CHECK(page_command(Json::parse(R"({"type":"reload"})"))->method == "Page.reload");
}

TEST_CASE("viewer input: nothing else comes of whatever a viewer sends") {
  for (auto const* const text :
       {R"({})", R"({"type":7})", R"({"type":"evaluate","expression":"1"})",
        R"({"type":"mouse","kind":"hover"})", R"({"type":"mouse","kind":"down","button":"fourth"})",
        R"({"type":"key","kind":"char"})", R"({"type":"go","url":"file:///etc/passwd"})",
        R"({"type":"go","url":"chrome://kill"})", R"x({"type":"go","url":"javascript:alert(1)"})x",
        R"({"type":"go"})"}) {
    CAPTURE(text);
    CHECK_FALSE(page_command(Json::parse(text)));
  }
  auto const far = page_command(
      Json::parse(R"({"type":"mouse","kind":"move","x":1e300,"y":"7","buttons":-5,"clicks":99})"));
  CHECK(far->params.at("x") == 100'000);
  CHECK(far->params.at("y") == 0);
  CHECK(far->params.at("buttons") == 0);
  CHECK(far->params.at("clickCount") == 3);
}

TEST_CASE("frame file: pictures come back, but for one that a kill has cut off") {
  bridge::test::TemporaryDirectory directory;
  auto const path = directory.path() / "run.frames";
  CHECK(FrameFile::frames(path).empty());
  {
    auto file = FrameFile::create(path).value();
    REQUIRE(file.add(5, "first").has_value());
    REQUIRE(file.add(400, std::string(70'000, 'x')).has_value());
    REQUIRE(file.add(900, "third").has_value());
  }
  auto const whole = FrameFile::frames(path);
  REQUIRE(whole.size() == 3);
  CHECK(whole[1].at_ms == 400);
  CHECK(FrameFile::read(path, whole[0]).value() == "first");
  CHECK(FrameFile::read(path, whole[1]).value().size() == 70'000);
  CHECK(FrameFile::read(path, whole[2]).value() == "third");
  // Within the picture, before it, and within its head.
  auto const size = std::filesystem::file_size(path);
  for (auto const cut : {1U, 5U, 9U}) {
    CAPTURE(cut);
    std::filesystem::resize_file(path, size - cut);
    CHECK(FrameFile::frames(path).size() == 2);
  }
}

TEST_CASE("frame file: a recording that is there is not made anew, and is read on where it ended") {
  bridge::test::TemporaryDirectory directory;
  auto const path = directory.path() / "run.frames";
  auto file = FrameFile::create(path).value();
  REQUIRE(file.add(5, "first").has_value());
  CHECK_FALSE(FrameFile::create(path).has_value());
  auto known = FrameFile::frames(path);
  REQUIRE(known.size() == 1);
  REQUIRE(file.add(6, "second").has_value());
  known.front().at_ms = 77;  // not looked at again
  FrameFile::read_on(path, known);
  REQUIRE(known.size() == 2);
  CHECK(known.front().at_ms == 77);
  CHECK(FrameFile::read(path, known.back()).value() == "second");
  std::filesystem::remove(path);
  FrameFile::read_on(path, known);
  CHECK(known.empty());
}

TEST_CASE("camera: pictures come as base64") {
  CHECK(from_base64("aGk=") == "hi");
  CHECK(from_base64("+/+/") == "\xfb\xff\xbf");
  CHECK(from_base64("") == "");
  CHECK_FALSE(from_base64("a*"));
}
