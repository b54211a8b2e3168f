#include "daemon/owner_tag.hpp"

#include <doctest/doctest.h>

using namespace bridge;

TEST_CASE("owner tag: what is written is read again") {
  auto const tag = owner_tag_of(to_metadata({"id-1", "main"}));
  CHECK(tag.owner == "id-1");
  CHECK(tag.bridge == "main");
  CHECK(to_metadata({}) == R"({"createdBy":"bctrl-bridge"})");
}

TEST_CASE("owner tag: of somebody else's metadata there is none") {
  for (auto const* text :
       {"", "null", "[]", "{", "\"bctrlBridgeOwner\"", R"({"createdBy":"bctrl-bridge"})",
        R"({"bctrlBridgeOwner":7})", R"({"bctrlBridgeOwner":null})", R"({"bctrlBridge":"main"})"}) {
    CAPTURE(text);
    CHECK(owner_tag_of(text).owner.empty());
    CHECK(owner_tag_of(text).bridge.empty());
  }
}
