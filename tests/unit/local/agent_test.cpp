#include "local/agent.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "fake_page.hpp"
#include "local/placeholders.hpp"
#include "local/run_feed.hpp"
#include "temporary_directory.hpp"
#include "tests/fakes/run.hpp"

using namespace bridge;
using namespace bridge::test;
using local::InvocationEnd;
using nlohmann::json;

namespace {

/// A model that says what it was told to say, in order, and remembers what it was asked.
class ScriptedModel final : public net::HttpHandler {
 public:
  explicit ScriptedModel(net::Loop& loop) : server_(loop, *this, {}, "model") {
    server_.listen("127.0.0.1", 0).value();
    server_.start();
  }
  std::vector<std::string> lines;
  std::vector<json> asked;
  std::vector<std::string> keys;
  unsigned status = 200;
  std::string whole;  ///< sent as it is, when there is any

  [[nodiscard]] net::Url url() const {
    return net::parse_url(fmt::format("http://127.0.0.1:{}/v1/chat/completions", server_.port()))
        .value();
  }
  awaitable<void> stop() { return server_.stop(); }

  awaitable<void> handle(net::HttpExchange& exchange) override {
    asked.push_back(json::parse(exchange.request().body));
    keys.emplace_back(exchange.request().header("authorization"));
    auto const line = asked.size() <= lines.size() ? lines[asked.size() - 1] : std::string();
    json const body{{"choices", {{{"message", {{"role", "assistant"}, {"content", line}}}}}},
                    {"usage", {{"prompt_tokens", 10}, {"completion_tokens", 2}}}};
    auto const text = whole.empty() ? body.dump() : whole;
    auto reply = net::text_reply(status, text, "application/json");
    [[maybe_unused]] auto const sent = co_await exchange.reply(std::move(reply));
  }

 private:
  net::HttpServer server_;
};

/// An agent on a page of a fake browser.
struct Studio {
  net::Loop loop;
  FakeDevtools devtools{loop};
  FakeBrowser browser{devtools};
  FakePage page{devtools};
  ScriptedModel model{loop};
  TemporaryDirectory directory;
  std::vector<std::string> notes;

  Studio() {
    page.asks["outline"] = json::parse(
        R"({"url":"http://shop.test/cart","origin":"http://shop.test","title":"Cart","elements":[
      {"selector":"xpath=/html[1]/body[1]/button[1]","kind":"button","label":"Buy"},
      {"selector":"xpath=/html[1]/body[1]/input[1]","kind":"input text","label":"Name"}]})");
    page.asks["selectText"] = json{{"ok", true}};
    page.asks["origin"] = "http://shop.test";
  }

  using Job = awaitable<InvocationEnd> (local::Agent::*)();

  InvocationEnd done(std::string const& body, Job job) {
    std::optional<InvocationEnd> end;
    bridge::test::run(loop, work(json::parse(body), job, end));
    return std::move(*end);
  }

 private:
  awaitable<void> work(json body, Job job, std::optional<InvocationEnd>& end) {
    auto const store = local::Store::open(std::nullopt).value();
    local::Runtime row;
    row.id = RuntimeId{"rt"};
    row.space = store->default_space();
    row.config = "{}";
    store->add(row);
    local::RuntimesOptions options;
    options.chromium.program = browser.program();
    options.profiles = directory.path() / "profiles";
    options.scratch = directory.path() / "scratch";
    options.downloads = directory.path() / "downloads";
    options.workspaces = directory.path() / "workspaces";
    local::RunFeed feed(loop, *store);
    local::Runtimes runtimes(loop, *store, feed, options);
    auto const started = co_await runtimes.start(row.id);
    REQUIRE(started.has_value());
    net::Reach const reach;
    local::ChatModel::Options chosen;
    chosen.url = model.url();
    chosen.headers = {{"Authorization", "Bearer sk-canary"}};
    chosen.model = "m-1";
    chosen.parameters = json{{"temperature", 0.5}};
    local::ChatModel chat(loop, reach, std::move(chosen));
    auto const request = local::read_invocation(body).value();
    local::NoteStep const note = [this](std::string type, std::string, std::string message, json) {
      notes.push_back(type + ": " + message);
    };
    local::BrowserPage target(loop);
    auto const opened = co_await target.open(runtimes, row.id, request.page);
    REQUIRE(opened.has_value());
    local::Agent agent(target, chat, request, note);
    end = co_await (agent.*job)();
    co_await target.close();
    co_await runtimes.stop_all();
    co_await model.stop();
    co_await devtools.stop();
  }
};

}  // namespace

TEST_CASE("agent: an instruction becomes the one action that the model chooses") {
  Studio studio;
  studio.model.lines = {
      "Sure:\n```json\n{\"element\": 0, \"method\": \"click\", \"description\": "
      "\"buy\"}\n```"};
  auto const end = studio.done(R"({"action":"act","instruction":"buy it"})", &local::Agent::act);
  CHECK(end.status == "succeeded");
  CHECK(end.output.at("actionDescription") == "buy");
  CHECK(end.output.at("actions").at(0).at("selector") == "xpath=/html[1]/body[1]/button[1]");
  CHECK(end.output.at("usage").at("inputTokens") == 10);
  CHECK(studio.page.heard("Input.dispatchMouseEvent") == 3);
  REQUIRE(studio.model.asked.size() == 1);
  auto const& asked = studio.model.asked.front();
  CHECK(asked.at("model") == "m-1");
  CHECK(asked.at("temperature") == 0.5);
  CHECK(asked.at("messages").back().at("content").get<std::string>().find("buy it") !=
        std::string::npos);
  CHECK(studio.model.keys.front() == "Bearer sk-canary");
}

TEST_CASE(
    "agent: a page whose title is no text, or that is being replaced, is looked at all the same") {
  Studio studio;
  studio.page.asks["outline"]["title"] = json::object();
  studio.page.failing["Runtime.evaluate"] = 2;
  studio.model.lines = {R"({"element":0,"method":"click"})"};
  auto const end = studio.done(R"({"action":"act","instruction":"buy it"})", &local::Agent::act);
  CHECK(end.status == "succeeded");
}

TEST_CASE("agent: the model and the answer do not get the values that the page shows or quotes") {
  constexpr auto kValues = R"(,"sensitiveData":{"pw":"Ada Canary","pin":"4711"}})";
  Studio studio;
  studio.page.asks["outline"]["title"] = "Ada Canary's cart";
  studio.page.asks["outline"]["url"] = "http://shop.test/?who=Ada%20Canary&again=Ada+Canary";
  auto& element = studio.page.asks["outline"]["elements"][0];
  element["label"] = "Buy for Ada Canary";
  element["value"] = "4711";
  studio.page.asks["text"] = json{{"text", "Hello Ada Canary!"}, {"cut", false}};
  SUBCASE("what it shows") {
    studio.model.lines = {R"({"action":"click","element":0})",
                          R"({"action":"done","success":true,"message":"m"})"};
    auto const end = studio.done(
        R"({"action":"browserUse","instruction":"x")" + std::string(kValues), &local::Agent::work);
    CHECK(end.status == "succeeded");
    CHECK(end.output.at("actions").at(0).at("description") == "Buy for [redacted]");
    CHECK(end.output.at("actions").at(0).at("selector") == "xpath=/html[1]/body[1]/button[1]");
    CHECK(end.output.dump().find("Canary") == std::string::npos);
  }
  SUBCASE("what it quotes") {
    studio.page.asks["inspect"] = json{{"invalid", "'Ada Canary' is no selector"}};
    studio.model.lines = {R"({"element":0,"method":"click"})"};
    auto const end = studio.done(R"({"action":"act","instruction":"x")" + std::string(kValues),
                                 &local::Agent::act);
    CHECK(end.message == "'[redacted]' is no selector.");
  }
  REQUIRE_FALSE(studio.model.asked.empty());
  for (auto const& one : studio.model.asked) {
    CHECK(one.dump().find("Canary") == std::string::npos);
    CHECK(one.dump().find("4711") == std::string::npos);
  }
}

TEST_CASE("agent: a value is not typed into a page that came while the model thought") {
  Studio studio;
  studio.page.asks["origin"] = "http://evil.test";
  studio.model.lines = {R"({"action":"fill","element":1,"text":"<secret>pw</secret>"})",
                        R"({"action":"done","success":true,"message":"m"})"};
  auto const end = studio.done(
      R"({"action":"browserUse","instruction":"x","sensitiveData":{"shop.test":{"pw":"Canary"}}})",
      &local::Agent::work);
  CHECK(end.status == "succeeded");
  for (auto const& command : studio.devtools.heard)
    CHECK(command.dump().find("Canary") == std::string::npos);
  REQUIRE(studio.model.asked.size() == 2);
  CHECK(studio.model.asked[1].dump().find("the page is another by now") != std::string::npos);
}

TEST_CASE("agent: elements are observed by number, and those that are not there are left out") {
  Studio studio;
  studio.model.lines = {R"({"elements":[{"element":1,"description":"the name","method":"fill",
    "arguments":["x"]},{"element":7,"description":"nothing"},"no",{"element":-1}]})"};
  auto const end =
      studio.done(R"({"action":"observe","instruction":"fields"})", &local::Agent::observe);
  CHECK(end.status == "succeeded");
  REQUIRE(end.output.size() == 1);
  CHECK(end.output.at(0).at("method") == "fill");
  CHECK(studio.page.heard("Input.dispatchMouseEvent") == 0);
}

TEST_CASE("agent: what is extracted must fit the schema; the model is told once that it does not") {
  constexpr auto kBody = R"({"action":"extract","instruction":"the price","outputSchema":
    {"type":"object","required":["price"],"properties":{"price":{"type":"number"}}}})";
  SUBCASE("then it does") {
    Studio studio;
    studio.model.lines = {R"({"extraction":{"price":"7"}})", R"({"extraction":{"price":7}})"};
    auto const end = studio.done(kBody, &local::Agent::extract);
    CHECK(end.status == "succeeded");
    CHECK(end.output == json{{"price", 7}});
  }
  SUBCASE("still it does not") {
    Studio studio;
    studio.model.lines = {R"({"extraction":{}})", R"({"extraction":{}})"};
    auto const end = studio.done(kBody, &local::Agent::extract);
    CHECK(end.status == "failed");
    CHECK(end.code == "invocation.output_validation_failed");
    CHECK(studio.model.asked.size() == 2);
  }
}

TEST_CASE("agent: it goes on step by step, is told what failed, and ends when the model says so") {
  Studio studio;
  studio.model.lines = {
      R"({"action":"fill","element":1,"text":"%name%"})", R"({"action":"click","element":9})",
      R"({"action":"goto","url":"file:///etc"})", R"({"action":"click","element":0})",
      R"({"action":"done","success":true,"message":"bought","output":{"n":1}})"};
  auto const end = studio.done(
      R"({"action":"stagehandAgent","instruction":"buy","variables":{"name":"Ada Canary"},
          "highlightCursor":true})",
      &local::Agent::work);
  CHECK(end.status == "succeeded");
  CHECK(end.output.at("message") == "bought");
  CHECK(end.output.at("output") == json{{"n", 1}});
  CHECK(end.output.at("notApplied") == json::array({"highlightCursor"}));
  CHECK(end.output.at("actions").size() == 2);
  REQUIRE(studio.model.asked.size() == 5);
  auto const told = [&](std::size_t step) {
    return studio.model.asked[step].at("messages").back().at("content").get<std::string>();
  };
  CHECK(told(2).find("There is no element of that number") != std::string::npos);
  CHECK(told(3).find("Only http and https") != std::string::npos);
  // The page got the value; the model, the answer and the notes never see it.
  bool typed = false;
  for (auto const& command : studio.devtools.heard)
    typed = typed || command.dump().find("Ada Canary") != std::string::npos;
  CHECK(typed);
  CHECK(end.output.dump().find("Canary") == std::string::npos);
  for (auto const& one : studio.model.asked) CHECK(one.dump().find("Canary") == std::string::npos);
  for (auto const& one : studio.notes) CHECK(one.find("Canary") == std::string::npos);
}

TEST_CASE("agent: the number of steps is bounded, and a model may give up") {
  SUBCASE("bounded") {
    Studio studio;
    studio.model.lines = std::vector<std::string>(9, R"({"action":"wait","seconds":0})");
    auto const end = studio.done(R"({"action":"browserUse","instruction":"x","maxSteps":3})",
                                 &local::Agent::work);
    CHECK(end.code == "invocation.browser_use_incomplete");
    CHECK(end.details.at("reason") == "max_steps");
    CHECK(studio.model.asked.size() == 3);
  }
  SUBCASE("given up") {
    Studio studio;
    studio.model.lines = {R"({"action":"done","success":false,"message":"no such shop"})"};
    auto const end =
        studio.done(R"({"action":"stagehandAgent","instruction":"x"})", &local::Agent::work);
    CHECK(end.code == "invocation.stagehand_incomplete");
    CHECK(end.message == "no such shop");
  }
}

TEST_CASE(
    "agent: a provider that refuses, or does not answer in JSON, fails the job without its key") {
  SUBCASE("refused") {
    Studio studio;
    studio.model.status = 401;
    studio.model.lines = {"wrong key sk-canary"};
    auto const end = studio.done(R"({"action":"act","instruction":"x"})", &local::Agent::act);
    CHECK(end.code == "invocation.stagehand_failed");
    CHECK(end.message.find("401") != std::string::npos);
    CHECK(end.message.find("canary") == std::string::npos);
  }
  SUBCASE("no JSON") {
    Studio studio;
    studio.model.lines = {"I would rather not.", "Really."};
    auto const end = studio.done(R"({"action":"act","instruction":"x"})", &local::Agent::act);
    CHECK(end.status == "failed");
    CHECK(studio.model.asked.size() == 2);
  }
  SUBCASE("JSON without end") {
    Studio studio;
    studio.model.whole = R"({"usage":{"prompt_tokens":1,"a":)" + std::string(500'000, '[') +
                         std::string(500'000, ']') + "}}";
    auto const end = studio.done(R"({"action":"act","instruction":"x"})", &local::Agent::act);
    CHECK(end.status == "failed");
    CHECK(end.message.find("without a message") != std::string::npos);
  }
}

TEST_CASE(
    "placeholders: secrets are put in on their own sites only, and described without values") {
  auto const body = json::parse(R"({"variables":{"who":{"value":"Ada","description":"the name"}},
    "sensitiveData":{"any":"A1","https://bank.test":{"pin":"4711"}}})");
  auto const text = local::describe_placeholders(body);
  CHECK(text.find("%who%") != std::string::npos);
  CHECK(text.find("the name") != std::string::npos);
  CHECK(text.find("4711") == std::string::npos);
  CHECK(text.find("A1") == std::string::npos);
  auto const fill = [&](std::string const& origin) {
    return local::fill_placeholders("%who% <secret>any</secret> <secret>pin</secret>", body,
                                    origin);
  };
  CHECK(fill("https://bank.test") == "Ada A1 4711");
  CHECK(fill("https://my.bank.test:8443") == "Ada A1 4711");
  for (auto const* const other :
       {"http://bank.test", "https://evilbank.test", "https://bank.test.evil.test", "null", ""}) {
    CAPTURE(other);
    CHECK(fill(other) == "Ada A1 <secret>pin</secret>");
  }
  auto const by_host = json::parse(R"({"sensitiveData":{"bank.test":{"pin":"4711"}}})");
  CHECK(local::fill_placeholders("<secret>pin</secret>", by_host, "http://bank.test") == "4711");
  CHECK(local::placeholder_values(body) == std::vector<std::string>{"Ada", "A1", "4711"});
}
