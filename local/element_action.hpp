#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "local/browser_page.hpp"
#include "local/errors.hpp"

namespace bridge::local {

/// Something to be done to one element: the contract's stagehandAction.
///
/// The selector is CSS or XPath, bare or behind "css=" or "xpath=". Into an iframe it goes by
/// "iframe#pay >> css=input", or as an XPath that goes on behind the iframe: "/html/body/iframe[1]/
/// html/body/input[1]".
struct ElementAction {
  std::string selector;
  std::string description;
  std::string method = "click";
  std::vector<std::string> arguments;
  std::string origin;  ///< nothing is typed into a document of another one; empty: into any
};

/// Reads a stagehandAction; 400 that names what nobody can do: an unknown method, a missing
/// argument, a key that no keyboard has.
[[nodiscard]] Outcome<ElementAction> read_element_action(Json const& given);
/// As the API shows it.
[[nodiscard]] Json to_json(ElementAction const& action);

/// The selectors of the iframes to go through, outermost first, and that of the element.
[[nodiscard]] std::vector<std::string> split_selector(std::string_view selector);

/// Why an element cannot be acted on: "element_not_found" and what a person can read.
struct Obstacle {
  std::string reason;
  std::string message;
};

/// Waits until the element is there, visible, at rest and not covered, up to `patience`, then acts
/// with trusted input. None: done.
awaitable<Result<std::optional<Obstacle>>> perform(BrowserPage& page, ElementAction action,
                                                   Duration patience);

}  // namespace bridge::local
