#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "local/documents.hpp"
#include "local/errors.hpp"
#include "local/json.hpp"
#include "local/note_activity.hpp"
#include "local/store.hpp"
#include "net/loop.hpp"
#include "net/tasks.hpp"

namespace bridge::local {

/// What people are asked to do in a runtime: at most one request per runtime is pending. A request
/// ends when it is completed or cancelled, expires on the loop's clock, or is cancelled because its
/// run is over. Kept in the store.
class HumanActions {
 public:
  HumanActions(net::Loop& loop, Store& store, NoteActivity note);

  /// Lets requests expire, also those of an earlier process, and cancels those of its runs. Then
  /// stop() before it goes.
  void start();
  awaitable<void> stop();
  /// This run ends: nobody can do in its browser any more what they were asked for.
  void run_ends(RunId const& run);

  struct Request {
    RuntimeId runtime;
    std::optional<RunId> run;  ///< none: the runtime is not active
    std::string message;
    std::optional<std::chrono::seconds> timeout;
  };
  /// 409 human_action.pending while another one waits for its person.
  [[nodiscard]] Outcome<Json> create(Request const& request);

  /// The pending one, else the latest; 404 human_action.not_found.
  [[nodiscard]] Outcome<Json> get(RuntimeId const& runtime);
  /// Ends the pending one: "completed" or "cancelled". 404 when there never was one, 409
  /// human_action.not_pending when none is pending.
  [[nodiscard]] Outcome<Json> resolve(RuntimeId const& runtime, std::string_view status);

  /// Returns the request, with waitStatus, once it has ended or `limit` is over.
  awaitable<Outcome<Json>> wait(RuntimeId runtime, Duration limit);

 private:
  [[nodiscard]] std::optional<Document> latest(RuntimeId const& runtime);
  [[nodiscard]] std::vector<Document> all_pending();
  void end(Document& document, std::string_view status, Timestamp when);
  [[nodiscard]] std::optional<Timestamp> expire();
  awaitable<void> keep_time();
  void tell(Json const& body, std::string_view status);
  void tell_recipients(RuntimeId const& runtime, Json const& body);

  Store& store_;
  Documents documents_;
  NoteActivity note_;
  net::Broadcast changed_;
  net::Tasks tasks_;
};

}  // namespace bridge::local
