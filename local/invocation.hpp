#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "local/browser_page.hpp"
#include "local/element_action.hpp"
#include "local/errors.hpp"
#include "local/json.hpp"

namespace bridge::local {

/// What a caller wants done, as far as it can be understood without a browser.
struct InvocationRequest {
  std::string action;  ///< act, observe, extract, stagehandAgent, browserUse, solveCaptcha
  Json body;           ///< as it was sent; may hold secrets, so it is kept in memory only
  PageChoice page;
  std::optional<ElementAction> element;  ///< an act that says exactly what to do
  std::optional<std::chrono::seconds> limit;
  Clock::time_point deadline = Clock::time_point::max();  ///< then it is ended, whatever it does
};

/// 400 that names the field for what the contract's schema cannot say.
[[nodiscard]] Outcome<InvocationRequest> read_invocation(Json const& body);

/// How an invocation came out.
struct InvocationEnd {
  std::string status;  ///< succeeded, failed, cancelled, timed_out
  Json output;         ///< of a success
  std::string code;    ///< of any other end: "invocation.failed"
  std::string message;
  Json details;  ///< object, or null

  [[nodiscard]] static InvocationEnd success(Json output);
  [[nodiscard]] static InvocationEnd failure(std::string_view code, std::string message,
                                             Json details = nullptr);
};

/// Takes down what an invocation is doing: type, message, category, data.
using NoteStep =
    std::function<void(std::string type, std::string category, std::string message, Json data)>;

}  // namespace bridge::local
