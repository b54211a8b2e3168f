#include "cdp/errors.hpp"

#include <doctest/doctest.h>

namespace bridge::cdp {

TEST_CASE("errors: replies read as Chrome writes them") {
  CHECK(error_reply(7, -32601, "'Foo.bar' wasn't found", "S1") ==
        R"({"id":7,"error":{"code":-32601,"message":"'Foo.bar' wasn't found"},"sessionId":"S1"})");
  CHECK(error_reply(-5, -32600, "Message must have string 'method' property") ==
        R"({"id":-5,"error":{"code":-32600,)"
        R"("message":"Message must have string 'method' property"}})");
  CHECK(empty_result(1) == R"({"id":1,"result":{}})");
  CHECK(empty_result(2147483647, "S1") == R"({"id":2147483647,"result":{},"sessionId":"S1"})");
}

TEST_CASE("errors: an error nobody can be named for has neither id nor session") {
  CHECK(error_reply(std::nullopt, -32700, "JSON: no input at position 0", "S1") ==
        R"({"error":{"code":-32700,"message":"JSON: no input at position 0"}})");
}

TEST_CASE("errors: the message is a proper JSON string") {
  CHECK(error_reply(1, -1, "a\"b\\c\n") ==
        R"({"id":1,"error":{"code":-1,"message":"a\"b\\c\u000a"}})");
}

TEST_CASE("errors: the named ones") {
  CHECK(session_not_found(3) ==
        R"({"id":3,"error":{"code":-32001,"message":"Session with given id not found."}})");
  CHECK(not_allowed(3, "S") ==
        R"({"id":3,"error":{"code":-32000,"message":"Not allowed"},"sessionId":"S"})");
  CHECK(not_allowed(3, "") == R"({"id":3,"error":{"code":-32000,"message":"Not allowed"}})");
  CHECK(target_gone(3, "S") ==
        R"({"id":3,"error":{"code":-32000,"message":"Inspected target navigated or closed"},)"
        R"("sessionId":"S"})");
  CHECK(kTargetClosedEvent ==
        R"({"method":"Inspector.detached","params":{"reason":"target_closed"}})");
}

}  // namespace bridge::cdp
