#include "cdp/effects.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "cdp/protocol_schema.hpp"

using namespace bridge::cdp;

TEST_CASE("effects: what may change a page or the browser is never sent twice") {
  for (auto const* method : {"Runtime.evaluate",
                             "Runtime.callFunctionOn",
                             "Input.dispatchMouseEvent",
                             "Input.dispatchKeyEvent",
                             "Input.insertText",
                             "Page.navigate",
                             "Page.reload",
                             "Page.navigateToHistoryEntry",
                             "Page.handleJavaScriptDialog",
                             "Page.close",
                             "Target.createTarget",
                             "Target.closeTarget",
                             "Target.createBrowserContext",
                             "Target.disposeBrowserContext",
                             "Storage.clearCookies",
                             "Storage.setCookies",
                             "Network.setCookies",
                             "Network.deleteCookies",
                             "Fetch.fulfillRequest",
                             "Fetch.continueRequest",
                             "DOM.setAttributeValue",
                             "DOM.setFileInputFiles",
                             "Browser.grantPermissions",
                             "Browser.setWindowBounds",
                             "IO.read",
                             "Tracing.start",
                             "Unknown.command",
                             "nonsense",
                             ""}) {
    CAPTURE(method);
    CHECK(trait_of(method).effect == Effect::beyond);
    CHECK(trait_of(method).keep == Keep::no);
  }
}

TEST_CASE(
    "effects: every domain of the protocol that can be enabled is remembered, and taken back") {
  auto const protocol = nlohmann::json::parse(pinned_protocol());
  int enables = 0;
  for (auto const& domain : protocol.at("domains")) {
    auto const name = domain.at("domain").get<std::string>();
    for (auto const& command : domain.value("commands", nlohmann::json::array())) {
      auto const method = name + "." + command.at("name").get<std::string>();
      CAPTURE(method);
      auto const trait = trait_of(method);
      if (command.at("name") == "enable") {
        ++enables;
        CHECK(trait.effect == Effect::session);
        CHECK(trait.keep == Keep::last);
      }
      if (command.at("name") == "disable") CHECK(trait.keep == Keep::undo_all);
      // What only reads leaves nothing to remember.
      if (trait.effect == Effect::nothing) CHECK(trait.keep == Keep::no);
      if (trait.effect == Effect::beyond) CHECK(trait.keep == Keep::no);
    }
  }
  CHECK(enables > 30);
}

TEST_CASE("effects: methods of the table are methods of the protocol") {
  auto const protocol = nlohmann::json::parse(pinned_protocol());
  int known = 0;
  for (auto const& domain : protocol.at("domains"))
    for (auto const& command : domain.value("commands", nlohmann::json::array())) {
      auto const method =
          domain.at("domain").get<std::string>() + "." + command.at("name").get<std::string>();
      known += trait_of(method).effect == Effect::beyond ? 0 : 1;
    }
  CHECK(known > 150);
}
