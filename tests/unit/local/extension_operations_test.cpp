#include <doctest/doctest.h>

#include "archives.hpp"
#include "form.hpp"

// Browser extensions: upload, import, use.

namespace bridge::local {
namespace {

using namespace test;
namespace fs = std::filesystem;

constexpr auto* kUpload = "/v1/browser-extensions/upload";
constexpr auto* kImport = "/v1/browser-extensions/import";
constexpr auto* kAll = "/v1/browser-extensions";

template <class Body>
void with_home(Body body) {
  TemporaryDirectory const home;
  BackendOptions options;
  options.state = home.path();
  auto const unpacked = home.path() / "extensions";
  with_fake(options, [&](Scene& scene) -> awaitable<void> { return body(scene, unpacked); });
}

awaitable<json> upload(Api& api, std::string package) {
  auto form = Form().file(package, "m.crx", "application/x-chrome-extension").body();
  return post_form(api, "BrowserExtension", kUpload, std::move(form), 201);
}

/// Somebody's web server.
class PackageSite final : public net::HttpHandler {
 public:
  explicit PackageSite(net::Loop& loop) : server_(loop, *this, {}, "package site") {
    server_.listen("127.0.0.1", 0).value();
    server_.start();
  }
  std::string package;

  [[nodiscard]] std::string url(std::string const& path) const {
    return fmt::format("http://127.0.0.1:{}{}", server_.port(), path);
  }
  awaitable<void> stop() { return server_.stop(); }
  awaitable<void> handle(net::HttpExchange& exchange) override {
    net::HttpReply reply;
    auto const& target = exchange.request().target;
    if (target == "/m.crx") {
      reply.body = package;
    } else if (target == "/moved") {
      reply.status = 302;
      reply.headers.emplace_back("Location", "/m.crx");
    } else if (target == "/loop") {
      reply.status = 302;
      reply.headers.emplace_back("Location", url("/loop"));
    } else {
      reply.status = 404;
    }
    [[maybe_unused]] auto const sent = co_await exchange.reply(std::move(reply));
  }

 private:
  net::HttpServer server_;
};

}  // namespace

TEST_CASE("extensions: a package is uploaded, shown, renamed and deleted") {
  with_home([](Scene& scene, fs::path const& unpacked) -> awaitable<void> {
    auto& api = scene.api;
    CrxMaker const maker;
    auto const crx = maker.version_3(extension_zip());
    auto const made = co_await upload(api, crx);
    CHECK(made.at("name") == "Marker");
    CHECK(made.at("version") == "1.2.3");
    CHECK(made.at("format") == "crx");
    CHECK(made.at("sizeBytes") == crx.size());
    CHECK(made.at("contentHash").get<std::string>().starts_with("sha256:"));
    CHECK(made.at("profileCount") == 0);
    auto const id = made.at("id").get<std::string>();
    CHECK(fs::exists(unpacked / id / "manifest.json"));
    auto const one = std::string(kAll) + "/" + id;
    auto const renamed = co_await api.get("BrowserExtension", "PATCH", one, R"({"name":"Mine"})");
    CHECK(renamed.at("name") == "Mine");
    auto const shown = co_await api.get("BrowserExtension", "GET", one);
    CHECK(shown == renamed);
    co_await api.get("BrowserExtensionDeleteResponse", "DELETE", one);
    CHECK_FALSE(fs::exists(unpacked / id));
    for (auto const method : {"GET", "PATCH", "DELETE"}) {
      auto const gone = co_await api.send(method, one);
      CHECK(gone.status == 404);
      CHECK(gone.code() == "browser_extension.not_found");
    }
  });
}

TEST_CASE("extensions: what is no package leaves nothing behind") {
  with_home([](Scene& scene, fs::path const& unpacked) -> awaitable<void> {
    CrxMaker const maker;
    auto changed = maker.version_3(extension_zip());
    changed.back() = '!';
    std::vector<std::string> const packages{"text", changed, zip_of({{"a.js", ""}}),
                                            zip_of({{"../a", "x"}}), extension_zip("{}")};
    for (auto const& package : packages) {
      auto form = Form().file(package).body();
      auto const reply = co_await post_form(scene.api, kUpload, std::move(form));
      CAPTURE(reply.body.dump());
      CHECK(reply.status == 400);
      CHECK(reply.code() == "browser_extension.invalid_package");
      CHECK(reply.field() == "file");
      CHECK(files_in(unpacked) == 0);
    }
    auto form = Form().file(extension_zip()).field("name", std::string(256, 'n')).body();
    auto const named = co_await post_form(scene.api, kUpload, std::move(form));
    CHECK(named.field() == "name");
    auto none = Form().field("name", "n").body();
    auto const without = co_await post_form(scene.api, kUpload, std::move(none));
    CHECK(without.field() == "file");
    CHECK(files_in(unpacked) == 0);
  });
}

TEST_CASE("extensions: an upload larger than packages may be is not read to its end") {
  with_home([](Scene& scene, fs::path const&) -> awaitable<void> {
    net::HttpRequest head;
    head.method = "POST";
    head.target = kUpload;
    auto const plan = scene.backend.plan_body(head);
    CHECK(plan.in_pieces);
    CHECK(plan.most == (129ULL << 20));
    head.target = "/v1/files?spaceId=default";
    CHECK(scene.backend.plan_body(head).most == (512ULL << 20));
    co_return;
  });
}

TEST_CASE("extensions: a runtime's browser is started with them, and they stay as long as it is") {
  TemporaryDirectory const home;
  BackendOptions options;
  options.state = home.path();
  Fake fake;
  fake.run(options, [&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const made = co_await upload(api, extension_zip());
    auto const id = made.at("id").get<std::string>();
    json const body{{"config", {{"extensionIds", {id}}}}};
    auto const runtime = co_await api.create(body.dump());
    co_await api.start(runtime);
    auto const path = (home.path() / "extensions" / id).string();
    CHECK(fake.browser.arguments().find("--load-extension=" + path) != std::string::npos);
    co_await api.stop(runtime);
    auto const one = std::string(kAll) + "/" + id;
    auto const used = co_await api.get("BrowserExtension", "GET", one);
    CHECK(used.at("profileCount") == 1);
    auto const kept = co_await api.send("DELETE", one);
    CHECK(kept.status == 409);
    CHECK(kept.code() == "browser_extension.in_use");
    co_await api.get("RuntimeDeleteResponse", "DELETE", "/v1/runtimes/" + runtime);
    co_await api.get("BrowserExtensionDeleteResponse", "DELETE", one);
    auto const unknown = co_await api.send("POST", "/v1/runtimes", body.dump());
    CHECK(unknown.status == 404);
    CHECK(unknown.code() == "browser_extension.not_found");
  });
}

TEST_CASE("extensions: lists are narrowed by text and source, and by whose they are") {
  with_home([](Scene& scene, fs::path const&) -> awaitable<void> {
    auto& api = scene.api;
    co_await upload(api, extension_zip());
    auto const count = [&](std::string query) -> awaitable<std::size_t> {
      auto const list = co_await api.get("BrowserExtensionListResponse", "GET", kAll + query);
      co_return list.at("data").size();
    };
    auto const all = co_await count("");
    CHECK(all == 1);
    auto const found = co_await count("?q=MARK&format=crx&source=upload");
    CHECK(found == 1);
    auto const other = co_await count("?q=none");
    CHECK(other == 0);
    auto const imported = co_await count("?source=url");
    CHECK(imported == 0);
    auto const sub =
        co_await api.get("Subaccount", "POST", "/v1/subaccounts", R"({"name":"one"})", 201);
    api.headers.emplace_back("BCTRL-Subaccount-Id", sub.at("id").get<std::string>());
    auto const theirs = co_await count("");
    CHECK(theirs == 0);
    auto const made = co_await upload(api, extension_zip());
    CHECK(made.at("subaccountId") == sub.at("id"));
    auto const own = co_await count("");
    CHECK(own == 1);
  });
}

TEST_CASE("extensions: a package is imported from where it lies") {
  with_home([](Scene& scene, fs::path const& unpacked) -> awaitable<void> {
    auto& api = scene.api;
    PackageSite site(scene.loop);
    site.package = extension_zip();
    auto const import = [&](std::string url) {
      json const body{{"url", url}};
      return api.send("POST", kImport, body.dump());
    };
    auto const made = co_await import(site.url("/moved"));
    CAPTURE(made.body.dump());
    CHECK(made.status == 201);
    CHECK(violation_of("BrowserExtension", made.body) == "");
    CHECK(made.body.at("sourceUrl") == site.url("/moved"));
    auto const missing = co_await import(site.url("/none"));
    CHECK(missing.code() == "browser_extension.invalid_package");
    CHECK(missing.field() == "url");
    auto const round = co_await import(site.url("/loop"));
    CHECK(round.code() == "browser_extension.invalid_package");
    site.package = "text";
    auto const text = co_await import(site.url("/m.crx"));
    CHECK(text.code() == "browser_extension.invalid_package");
    CHECK(text.field() == "url");
    auto const scheme = co_await import("file:///etc/passwd");
    CHECK(scheme.status == 400);
    CHECK(scheme.field() == "url");
    auto const store = co_await import("https://chromewebstore.google.com/detail/x/abc");
    CHECK(store.status == 403);
    CHECK(store.code() == "local.unsupported");
    auto const dead = site.url("/m.crx");
    co_await site.stop();
    auto const silent = co_await import(dead);
    CHECK(silent.status == 503);
    CHECK(silent.code() == "browser_extension.source_unavailable");
    CHECK(files_in(unpacked) == 2);
  });
}

}  // namespace bridge::local
