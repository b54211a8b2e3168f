#pragma once

#include <string>
#include <string_view>

#include "local/documents.hpp"
#include "local/json.hpp"
#include "local/outside.hpp"
#include "local/seal.hpp"
#include "local/store.hpp"
#include "local/vault.hpp"

namespace bridge::local {

/// Who calls a tool, and on which occasion.
struct ToolCaller {
  std::string actor;  ///< "test": no run calls tools here
  std::string space;  ///< for tools of no space, the built-in ones
};

/// What came of it.
struct ToolResult {
  bool ok = false;
  std::string output;   ///< JSON; of a success
  std::string code;     ///< of a failure: "tool.webhook_failed"
  std::string message;  ///< of a failure, for people and for models
  std::string details;  ///< of a failure, a JSON object; may be empty
  double seconds = 0;
};

/// The tools of this backend, their sets, and what is known of their calls.
class Tools {
 public:
  Tools(Store& store, Seal& seal, Vault& vault, Outside& outside);

  /// Scope: the space, "" for those that are built in. Body: the contract's members but for id,
  /// name, spaceId and times; what is secret of a hosted tool is sealed.
  [[nodiscard]] Documents& all();
  /// Scope: the space. Body: builtins, toolIds, metadata.
  [[nodiscard]] Documents& sets() { return sets_; }
  /// Scope: the space. Body: the contract's but for id and createdAt.
  [[nodiscard]] Documents& calls() { return calls_; }

  /// Source and environment of a hosted tool, as they go into its body.
  [[nodiscard]] std::string seal_code(std::string_view id, Json const& code);
  /// Removes it, from sets as well.
  void remove(Document const& tool);

  /// Everything in a space that is to go.
  void forget(SpaceId const& space);

  /// Calls it for real. Only webhooks can be called by us; others fail and say why. Secrets that we
  /// send along are hidden in what comes back.
  awaitable<ToolResult> call(Document tool, Json input);
  /// The same, and writes it down.
  awaitable<ToolResult> call_and_record(Document tool, Json input, ToolCaller caller);

 private:
  awaitable<ToolResult> call_webhook(Document const& tool, Json const& input);
  [[nodiscard]] std::string owner_of(std::string const& space);
  void record(Document const& tool, Json const& input, ToolCaller const& caller,
              ToolResult const& result, Timestamp begun);

  Store& store_;
  Seal& seal_;
  Vault& vault_;
  Outside& outside_;
  Documents all_;
  Documents sets_;
  Documents calls_;
  bool has_builtins_ = false;
};

/// A tool, a set, a call as the contract shows it.
[[nodiscard]] Json tool_view(Document const& tool);
[[nodiscard]] Json toolset_view(Document const& set);
[[nodiscard]] Json tool_call_view(Document const& call);

}  // namespace bridge::local
