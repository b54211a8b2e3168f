#include "cdp/envelope.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cdp/errors.hpp"
#include "tests/fakes/random_json.hpp"

namespace bridge::cdp {
namespace {

using nlohmann::json;

constexpr std::string_view kSession = "0123456789ABCDEF0123456789ABCDEF";

/// Our whole answer to a client's frame; empty when it would be forwarded.
std::string answer_to(std::string_view frame) {
  Command command;
  auto const bad = read_command(frame, command);
  return bad ? error_reply(bad->id, bad->code, bad->message) : std::string();
}

/// The frame as it goes upstream, with id 1000 and `session`.
std::string sent_upstream(std::string_view frame, std::string_view session = "ROOT") {
  Command command;
  auto const bad = read_command(frame, command);
  if (bad) return bad->message;
  auto const member = fmt::format(",\"sessionId\":\"{}\"", session);
  auto const quoted = fmt::format("\"{}\"", session);
  return rewrite_command(frame, command, "1000", member, quoted).text();
}

std::optional<std::int32_t> id_of(std::string_view raw) {
  Command command;
  if (read_command(fmt::format(R"({{"id":{},"method":"A.b"}})", raw), command)) return std::nullopt;
  return command.id;
}

std::string syntax_error_free_of_detail(std::string const& reply) {
  auto const document = json::parse(reply);
  CHECK(document.size() == 1);
  CHECK(document.at("error").at("code") == -32700);
  auto const message = document.at("error").at("message").get<std::string>();
  return message.substr(0, message.find(' '));
}

std::string reply_to_client(std::string_view frame, std::string_view id, bool cut) {
  auto const message = read_upstream(frame);
  REQUIRE(message);
  REQUIRE(message->is_reply());
  return rewrite_reply(frame, *message, id, cut).text();
}

std::string event_to_client(std::string_view frame) {
  auto const message = read_upstream(frame);
  REQUIRE(message);
  REQUIRE_FALSE(message->is_reply());
  return cut_session(frame, *message).text();
}

}  // namespace

// Each with the reply of Chrome 156.
TEST_CASE("envelope: what Chrome refuses is refused in its words") {
  struct Row {
    std::string_view frame;
    std::string_view reply;
  };
  constexpr std::string_view kNotObject =
      R"({"error":{"code":-32600,"message":"Message must be an object"}})";
  constexpr std::string_view kId =
      R"({"error":{"code":-32600,"message":"Message must have integer 'id' property"}})";
  constexpr std::string_view kMethod =
      R"({"id":5,"error":{"code":-32600,"message":"Message must have string 'method' property"}})";
  constexpr std::string_view kParams =
      R"({"id":5,"error":{"code":-32600,"message":"Message may have object 'params' property"}})";
  constexpr std::string_view kSessionId =
      R"({"id":5,"error":{"code":-32600,)"
      R"("message":"Message may have string 'sessionId' property"}})";
  constexpr std::string_view kExtra =
      R"({"id":5,"error":{"code":-32600,"message":"Message has property other than 'id',)"
      R"( 'method', 'sessionId', 'params'"}})";
  Row const rows[] = {
      {"[]", kNotObject},
      {R"([{"id":1,"method":"A.b"}])", kNotObject},
      {R"("x")", kNotObject},
      {"5", kNotObject},
      {"null", kNotObject},
      {" true ", kNotObject},
      {"{}", kId},
      {R"({"method":"A.b"})", kId},
      {R"({"id":null,"method":"A.b"})", kId},
      {R"({"id":true,"method":"A.b"})", kId},
      {R"({"id":"1","method":"A.b"})", kId},
      {R"({"id":[1],"method":"A.b"})", kId},
      {R"({"id":{},"method":"A.b"})", kId},
      {R"({"id":1.5,"method":"A.b"})", kId},
      {R"({"id":2147483648,"method":"A.b"})", kId},
      {R"({"id":-2147483649,"method":"A.b"})", kId},
      {R"({"id":1e10,"method":"A.b"})", kId},
      {R"({"id":5})", kMethod},
      {R"({"id":5,"method":7})", kMethod},
      {R"({"id":5,"method":null})", kMethod},
      {R"({"id":5,"method":""})", kMethod},
      {R"({"method":"","id":5})", kMethod},
      {R"({"id":5,"params":{}})", kMethod},
      {R"({"id":5,"method":"A.b","params":"x"})", kParams},
      {R"({"id":5,"method":"A.b","params":5})", kParams},
      {R"({"id":5,"method":"A.b","params":true})", kParams},
      {R"({"id":5,"method":"","params":"x"})", kParams},
      {R"({"id":5,"method":"A.b","sessionId":null})", kSessionId},
      {R"({"id":5,"method":"A.b","sessionId":1})", kSessionId},
      {R"({"id":5,"method":"A.b","sessionId":{}})", kSessionId},
      {R"({"id":5,"method":"A.b","result":{}})", kExtra},
      {R"({"id":5,"method":"A.b","extra":1})", kExtra},
      {R"({"id":5,"method":"","extra":1})", kExtra},
      {R"({"id":5,"method":"A.b","Id":1})", kExtra},
      {R"({"id":5,"":1,"method":"A.b"})", kExtra},
      // What stands before the id gets a reply without one.
      {R"({"extra":1,"id":5,"method":"A.b"})",
       R"({"error":{"code":-32600,"message":"Message has property other than 'id', 'method',)"
       R"( 'sessionId', 'params'"}})"},
      {R"({"params":"x","id":5,"method":"A.b"})",
       R"({"error":{"code":-32600,"message":"Message may have object 'params' property"}})"},
      {R"({"sessionId":1,"id":5,"method":"A.b"})",
       R"({"error":{"code":-32600,"message":"Message may have string 'sessionId' property"}})"},
      {R"({"method":7,"id":5})",
       R"({"error":{"code":-32600,"message":"Message must have string 'method' property"}})"},
  };
  for (auto const& row : rows) {
    CAPTURE(row.frame);
    CHECK(answer_to(row.frame) == row.reply);
  }
}

TEST_CASE("envelope: a repeated member is refused with the first id") {
  for (auto const& [frame, id] :
       {std::pair(R"({"id":5,"id":6,"method":"A.b"})", "5"),
        std::pair(R"({"id":5,"method":"A.b","method":"A.b"})", "5"),
        std::pair(R"({"id":5,"method":"A.b","params":null,"params":{}})", "5"),
        std::pair(R"({"id":5,"method":"A.b","sessionId":"S","sessionId":"S"})", "5"),
        std::pair(R"({"id":5,"\u0069d":6,"method":"A.b"})", "5"),
        std::pair(R"({"method":"A.b","method":"A.b","id":5})", "")}) {
    CAPTURE(frame);
    auto const reply = json::parse(answer_to(frame));
    CHECK(reply.at("error").at("code") == -32700);
    CHECK(reply.at("error").at("message").get<std::string>().starts_with(
        "CBOR: duplicate map key at position "));
    CHECK((reply.contains("id") ? reply.at("id").dump() : std::string()) == id);
  }
}

TEST_CASE("envelope: what is not JSON is refused without an id") {
  for (std::string_view const frame : {"",
                                       " ",
                                       "x",
                                       "{",
                                       "[1,2",
                                       R"({"id":5,"method":"A.b")",
                                       R"({"id":5,"method":"A.b",})",
                                       R"({"id":5,"method":"A.b"}x)",
                                       R"({"id":5,"method":"A.b"}{})",
                                       "[]]",
                                       "nulll",
                                       R"({"id":05,"method":"A.b"})",
                                       R"({"id":5,"method":"A.b","params":{"a":01}})",
                                       R"({"id":5,"method":"A.b","params":{"a":1e400}})",
                                       R"({"id":1e400,"method":"A.b"})",
                                       R"({"id":5,"extra":1,"method":)",
                                       R"({"id":"no","method":tru})",
                                       "{\"id\":5,\"method\":\"A\tb\"}",
                                       R"({id:5})",
                                       "\xef\xbb\xbf{\"id\":5,\"method\":\"A.b\"}",
                                       R"({"id":5,/**/"method":"A.b"})"}) {
    CAPTURE(frame);
    CHECK(syntax_error_free_of_detail(answer_to(frame)) == "JSON:");
  }
  // Two details that Chrome words for itself.
  CHECK(answer_to("") == R"({"error":{"code":-32700,"message":"JSON: no input at position 0"}})");
  CHECK(answer_to(R"({"id":1,"method":"Foo.bar"}x)") ==
        R"({"error":{"code":-32700,"message":"JSON: unprocessed input remains at position 27"}})");
}

TEST_CASE("envelope: ids are int32, written in any way JSON knows") {
  CHECK(id_of("-5") == -5);
  CHECK(id_of("0") == 0);
  CHECK(id_of("-0") == 0);
  CHECK(id_of("-0.0") == 0);
  CHECK(id_of("1.0") == 1);
  CHECK(id_of("1e3") == 1000);
  CHECK(id_of("1E+3") == 1000);
  CHECK(id_of("2500e-2") == 25);
  CHECK(id_of("2147483647") == 2147483647);
  CHECK(id_of("2147483647.0") == 2147483647);
  CHECK(id_of("-2147483648") == -2147483647 - 1);
  CHECK_FALSE(id_of("2147483648"));
  CHECK_FALSE(id_of("2147483648.0"));
  CHECK_FALSE(id_of("-2147483649"));
  CHECK_FALSE(id_of("0.1"));
  CHECK_FALSE(id_of("99999999999999999999"));
  CHECK_FALSE(id_of("1e308"));
}

TEST_CASE("envelope: params may be an object, an array or null") {
  for (std::string_view const params : {"{}", "[]", "null", R"({"a":[1]})"}) {
    Command command;
    auto const frame = fmt::format(R"({{"id":1,"method":"A.b","params":{}}})", params);
    CHECK_FALSE(read_command(frame, command));
    CHECK(command.params == params);
  }
}

// Playwright, Puppeteer, chrome-remote-interface, chromedriver, DevTools.
TEST_CASE("envelope: every client's member order is rewritten in place") {
  struct Row {
    std::string_view frame;
    std::string_view sent;
  };
  Row const rows[] = {
      {R"({"id":1,"method":"A.b","params":{"x":1}})",
       R"({"id":1000,"method":"A.b","params":{"x":1},"sessionId":"ROOT"})"},
      {R"({"id":1,"method":"A.b"})", R"({"id":1000,"method":"A.b","sessionId":"ROOT"})"},
      {R"({"id":1,"method":"A.b","params":{"x":1},"sessionId":"C"})",
       R"({"id":1000,"method":"A.b","params":{"x":1},"sessionId":"ROOT"})"},
      {R"({"method":"A.b","params":{"x":1},"id":1})",
       R"({"method":"A.b","params":{"x":1},"id":1000,"sessionId":"ROOT"})"},
      {R"({"method":"A.b","params":{"x":1},"id":1,"sessionId":"C"})",
       R"({"method":"A.b","params":{"x":1},"id":1000,"sessionId":"ROOT"})"},
      {R"({"id":1,"method":"A.b","sessionId":"C","params":{"x":1}})",
       R"({"id":1000,"method":"A.b","sessionId":"ROOT","params":{"x":1}})"},
      {R"({"sessionId":"C","method":"A.b","id":1})",
       R"({"sessionId":"ROOT","method":"A.b","id":1000})"},
      {R"({"id":1,"method":"A.b","sessionId":""})",
       R"({"id":1000,"method":"A.b","sessionId":"ROOT"})"},
      {" {\n \"id\" : -7 , \"method\" : \"A.b\" } \n",
       " {\n \"id\" : 1000 , \"method\" : \"A.b\" ,\"sessionId\":\"ROOT\"} \n"},
      {R"({"\u0069d":1,"m\u0065thod":"A.b","session\u0049d":"C"})",
       R"({"\u0069d":1000,"m\u0065thod":"A.b","session\u0049d":"ROOT"})"},
      {R"({"id":1,"method":"A.b","params":{"s":"\ud800"}})",
       R"({"id":1000,"method":"A.b","params":{"s":"\ud800"},"sessionId":"ROOT"})"},
  };
  for (auto const& row : rows) {
    CAPTURE(row.frame);
    CHECK(sent_upstream(row.frame) == row.sent);
  }
}

TEST_CASE("envelope: look-alikes in params and strings do not route") {
  std::string_view const frame =
      R"({"id":1,"method":"A.b","params":{"id":9,"sessionId":"X","method":"Z","s":"}}\",)"
      R"(\"sessionId\":\"Y\"}"}})";
  Command command;
  REQUIRE_FALSE(read_command(frame, command));
  CHECK(command.id == 1);
  CHECK(command.method == "A.b");
  CHECK(command.session.empty());
  CHECK(command.session_at.empty());
  CHECK(frame.substr(command.close_at) == "}");
}

TEST_CASE("envelope: method and session are decoded, params stay raw") {
  std::string_view const frame =
      R"({"id":1,"method":"Browser\u002eclose","sessionId":"\u0041B","params":{"a":"\u0041"}})";
  Command command;
  REQUIRE_FALSE(read_command(frame, command));
  CHECK(command.method == "Browser.close");
  CHECK(command.session == "AB");
  CHECK(command.params == R"({"a":"\u0041"})");
}

// Chrome 156 takes 301 containers in one another, the message itself included, and nothing inside
// the last (measured).
TEST_CASE("envelope: nesting is taken as deep as Chrome takes it, and garbage cannot crash") {
  auto const deep = [](std::size_t arrays, std::string_view inside = "") {
    return fmt::format(R"({{"id":5,"method":"A.b","params":{{"a":{}{}{}}}}})",
                       std::string(arrays, '['), inside, std::string(arrays, ']'));
  };
  CHECK(answer_to(deep(299)).empty());
  CHECK(answer_to(deep(298, "1")).empty());
  CHECK(answer_to(deep(299, "1")).find("JSON: stack limit exceeded") != std::string::npos);
  CHECK(syntax_error_free_of_detail(answer_to(deep(300))) == "JSON:");
  CHECK(syntax_error_free_of_detail(answer_to(std::string(1'000'000, '['))) == "JSON:");
  CHECK(syntax_error_free_of_detail(answer_to(deep(1'000'000))) == "JSON:");
  CHECK(syntax_error_free_of_detail(answer_to(std::string(1'000'000, '{'))) == "JSON:");
}

TEST_CASE("envelope: a truncated command is refused wherever it is cut") {
  std::string_view const frame =
      R"({"id":5,"method":"A.b\u0041","params":{"a":[1,-2.5e3,"x\"y"],"b":null},"sessionId":"C"})";
  CHECK(answer_to(frame).empty());
  for (std::size_t n = 0; n < frame.size(); ++n) {
    CAPTURE(n);
    CHECK(syntax_error_free_of_detail(answer_to(frame.substr(0, n))) == "JSON:");
  }
}

TEST_CASE("envelope: random commands are rewritten to exactly the expected document") {
  test::RandomJson random(5);
  for (int i = 0; i < 10'000; ++i) {
    auto const params = random.chance(80) ? random.object() : random.array();
    bool const with_params = random.chance(70);
    bool const with_session = random.chance(50);
    std::vector<std::string> members{random.member(R"("id")", std::to_string(random.pick(100'000))),
                                     random.member(R"("method")", R"("A.b")")};
    if (with_params) members.push_back(random.member(R"("params")", params));
    if (with_session) members.push_back(random.member(R"("sessionId")", R"("CHILD")"));
    auto const frame = random.space() + random.object_of(members) + random.space();
    CAPTURE(frame);
    auto expected = json::parse(frame);
    expected["id"] = 1000;
    expected["sessionId"] = std::string(kSession);
    auto const sent = sent_upstream(frame, kSession);
    REQUIRE(json::parse(sent) == expected);
    if (with_params) REQUIRE(sent.find(params) != std::string::npos);
  }
}

TEST_CASE("envelope: random objects are commands when, and only when, their members are right") {
  test::RandomJson random(13);
  constexpr std::string_view kKeys[] = {R"("id")",     R"("id")",        R"("method")",
                                        R"("method")", R"("sessionId")", R"("params")",
                                        R"("i\u0064")"};
  int taken = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::vector<std::string> members;
    for (auto n = 1 + random.pick(3); n > 0; --n) {
      auto const key = random.chance(95) ? std::string(random.one_of(kKeys)) : random.string();
      bool const fits = random.chance(70);
      members.push_back(random.member(key, !fits                ? random.value(2)
                                           : key.find('i') == 1 ? random.number()
                                           : key.find('p') == 1 ? random.object(2)
                                                                : random.string()));
    }
    auto const frame = random.object_of(std::move(members));
    CAPTURE(frame);
    // A second opinion, from a document and the rules' wording.
    bool repeated = false;
    std::vector<std::string> keys;
    auto const document =
        json::parse(frame, [&](int depth, json::parse_event_t event, json& parsed) {
          if (event == json::parse_event_t::key && depth == 1) {
            auto const key = parsed.get<std::string>();
            repeated |= std::find(keys.begin(), keys.end(), key) != keys.end();
            keys.push_back(key);
          }
          return true;
        });
    auto const is_int32 = [](json const& value) {
      if (!value.is_number()) return false;
      auto const number = value.get<double>();
      return number == static_cast<double>(static_cast<std::int64_t>(number)) &&
             number >= -2147483648.0 && number <= 2147483647.0;
    };
    bool good = !repeated && document.contains("id") && is_int32(document["id"]) &&
                document.contains("method") && document["method"].is_string() &&
                document["method"] != "";
    for (auto const& key : keys)
      good = good && (key == "id" || key == "method" || key == "params" || key == "sessionId");
    if (document.contains("params"))
      good = good && (document["params"].is_structured() || document["params"].is_null());
    if (document.contains("sessionId")) good = good && document["sessionId"].is_string();

    REQUIRE(answer_to(frame).empty() == good);
    if (good) ++taken;
  }
  CHECK(taken > 500);
}

TEST_CASE("envelope: Chrome's replies and events are read from both ends") {
  auto const with_session = fmt::format(R"({{"id":7,"result":{{}},"sessionId":"{}"}})", kSession);
  auto const reply = read_upstream(with_session);
  REQUIRE(reply);
  CHECK(reply->id == 7);
  CHECK(reply->session == kSession);
  CHECK(reply_to_client(with_session, "42", true) == R"({"id":42,"result":{}})");
  CHECK(reply_to_client(with_session, "42", false) ==
        fmt::format(R"({{"id":42,"result":{{}},"sessionId":"{}"}})", kSession));

  CHECK(reply_to_client(R"({"id":7,"error":{"code":-1,"message":"m"}})", "-5", true) ==
        R"({"id":-5,"error":{"code":-1,"message":"m"}})");

  auto const event =
      fmt::format(R"({{"method":"A.b","params":{{"sessionId":1}},"sessionId":"{}"}})", kSession);
  CHECK(read_upstream(event)->method == "A.b");
  CHECK(event_to_client(event) == R"({"method":"A.b","params":{"sessionId":1}})");
  auto const control = read_upstream(R"({"method":"A.b","params":{"sessionId":"X"}})");
  REQUIRE(control);
  CHECK(control->session.empty());
}

TEST_CASE("envelope: frames that a front end wrote anew are read as well") {
  struct Row {
    std::string_view frame;
    std::string_view cut;
  };
  Row const replies[] = {
      {R"({"id": 7, "result": {}, "sessionId": "S"})", R"({"id": 42, "result": {}})"},
      {R"({"sessionId":"S","id":7,"result":{}})", R"({"id":42,"result":{}})"},
      {R"({ "sessionId" : "S" , "id" : 7 , "result" : {} })", R"({ "id" : 42 , "result" : {} })"},
      {R"({"result":{},"sessionId":"S","id":7})", R"({"result":{},"id":42})"},
      {R"({"result":{},"id":7,"sessionId":"S"})", R"({"result":{},"id":42})"},
      {R"({"id":7,"sessionId":"S","result":{}})", R"({"id":42,"result":{}})"},
      {R"({"sessionId":"S","result":{},"id":7})", R"({"result":{},"id":42})"},
      {R"({"id":7.0,"result":{},"sessionId":"S"})", R"({"id":42,"result":{}})"},
      {R"({"id":7,"result":{"sessionId":"T"}})", R"({"id":42,"result":{"sessionId":"T"}})"},
      {R"({"id":7,"result":{"s":"\",\"sessionId\":\"x"}})",
       R"({"id":42,"result":{"s":"\",\"sessionId\":\"x"}})"},
      {R"({"id":7,"result":[]})", R"({"id":42,"result":[]})"},
  };
  for (auto const& row : replies) {
    CAPTURE(row.frame);
    CHECK(reply_to_client(row.frame, "42", true) == row.cut);
  }
  Row const events[] = {
      {R"({"method": "A.b", "params": {}, "sessionId": "S"})",
       R"({"method": "A.b", "params": {}})"},
      {R"({"sessionId":"S","method":"A.b","params":{}})", R"({"method":"A.b","params":{}})"},
      {R"({"params":{},"sessionId":"S","method":"A.b"})", R"({"params":{},"method":"A.b"})"},
      {R"({"method":"A.b","sessionId":"S"})", R"({"method":"A.b"})"},
  };
  for (auto const& row : events) {
    CAPTURE(row.frame);
    CHECK(read_upstream(row.frame)->session == "S");
    CHECK(event_to_client(row.frame) == row.cut);
  }
}

TEST_CASE("envelope: what is no CDP message is none") {
  for (std::string_view const frame :
       {"", "x", "[]", "{}", R"({"result":{}})", R"({"id":null,"error":{}})", R"({"method":7})",
        R"({"error":{"code":-32700,"message":"JSON: no input"}})", R"({"id":1.5,"result":{}})",
        R"({"id":7,"result":)", R"({"sessionId":"S"})", "\"id\":7"}) {
    CAPTURE(frame);
    CHECK_FALSE(read_upstream(frame));
  }
}

TEST_CASE("envelope: lone surrogates and number forms survive both ways") {
  std::string_view const value = R"({"s":"\ud800 \u0000","n":[1.0,1e2,-0,0.10]})";
  auto const reply = fmt::format(R"({{"id":7,"result":{},"sessionId":"{}"}})", value, kSession);
  CHECK(reply_to_client(reply, "1", true) == fmt::format(R"({{"id":1,"result":{}}})", value));
  auto const spaced = fmt::format(R"({{"sessionId":"{}","result":{},"id":7}})", kSession, value);
  CHECK(reply_to_client(spaced, "1", true) == fmt::format(R"({{"result":{},"id":1}})", value));
}

// The quick look must see what the whole scan sees. A blank in front makes it give up.
TEST_CASE("envelope: the quick look and the whole scan agree on random frames") {
  test::RandomJson random(17);
  int quick = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string const session = random.chance(90) ? std::string(kSession) : "odd\\u0041";
    auto const tail = random.chance(60) ? fmt::format(R"(,"sessionId":"{}")", session) : "";
    std::string frame;
    switch (random.pick(3)) {
      case 0:
        frame = fmt::format(R"({{"id":{},"result":{}{}}})", random.pick(2'000'000'000),
                            random.object(), tail);
        break;
      case 1:
        frame = fmt::format(R"({{"id":{},"error":{}{}}})", random.pick(99), random.object(), tail);
        break;
      case 2:
        frame = fmt::format(R"({{"method":"A.b","params":{}{}}})", random.object(), tail);
        break;
      default:
        frame = random.object_of({random.member(R"("id")", random.number()),
                                  random.member(R"("result")", random.value(3)),
                                  random.member(R"("sessionId")", fmt::format("\"{}\"", session))});
    }
    CAPTURE(frame);
    auto const shifted = " " + frame;
    auto const seen = read_upstream(frame);
    auto const scanned = read_upstream(shifted);
    REQUIRE(seen.has_value() == scanned.has_value());
    if (!seen) continue;
    if (frame.starts_with("{\"id\":") || frame.starts_with("{\"m")) ++quick;
    REQUIRE(seen->id == scanned->id);
    REQUIRE(seen->method == scanned->method);
    REQUIRE(seen->session == scanned->session);
    if (seen->is_reply()) {
      for (bool const cut : {true, false})
        REQUIRE(" " + rewrite_reply(frame, *seen, "3", cut).text() ==
                rewrite_reply(shifted, *scanned, "3", cut).text());
    } else {
      REQUIRE(" " + cut_session(frame, *seen).text() == cut_session(shifted, *scanned).text());
    }
    // And both give the document without its session.
    auto expected = json::parse(frame);
    expected.erase("sessionId");
    if (seen->is_reply()) {
      expected["id"] = 3;
      REQUIRE(json::parse(rewrite_reply(frame, *seen, "3", true).text()) == expected);
    } else {
      REQUIRE(json::parse(cut_session(frame, *seen).text()) == expected);
    }
  }
  CHECK(quick > 5'000);
}

TEST_CASE("envelope: members behind params do not hide a session") {
  auto const event = fmt::format(
      R"({{"method":"A.b","params":{{}},"sessionId":"{}","meta":{{"t":1}}}})", kSession);
  auto const seen = read_upstream(event);
  REQUIRE(seen);
  CHECK(seen->session == kSession);
}

TEST_CASE("envelope: pieces join to the whole, and an id needs no allocation to be text") {
  Spliced message("ab");
  message.add("");
  message.add("cd");
  CHECK(message.pieces().size() == 2);
  CHECK(message.size() == 4);
  CHECK(message.text() == "abcd");
  CHECK(IdText(-2147483647 - 1).view() == "-2147483648");
  CHECK(IdText(0).view() == "0");
}

TEST_CASE("envelope: ids of any length, on both sides") {
  for (std::string const text : {"0", "1", "7", "99", "123456789", "1234567890", "2147483647"}) {
    CAPTURE(text);
    auto const id = static_cast<std::int32_t>(std::stol(text));
    Command command;
    auto const frame = R"({"id":)" + text + R"(,"method":"A.b"})";
    CHECK_FALSE(read_command(frame, command));
    CHECK(command.id == id);
    for (std::string const tail : {"}", R"(,"sessionId":"0123456789ABCDEF0123456789ABCDEF"})",
                                   R"(,"sessionId":"0123456789abcdef0123456789abcdef"})",
                                   R"(,"sessionId":"0123456789ABCDEF0123456789ABC\"\""})"}) {
      CAPTURE(tail);
      auto const reply = read_upstream(R"({"id":)" + text + R"(,"result":{})" + tail);
      REQUIRE(reply.has_value());
      CHECK(reply->id == id);
    }
  }
  for (std::string const text : {"", "-", "x", "1x", "99999999999"}) {
    CAPTURE(text);
    auto const reply = read_upstream(
        R"({"id":)" + text + R"(,"result":{},"sessionId":"0123456789ABCDEF0123456789ABCDEF"})");
    CHECK((!reply || !reply->is_reply()));
  }
}

}  // namespace bridge::cdp
