#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "local/documents.hpp"
#include "local/invocation.hpp"
#include "local/lock.hpp"
#include "local/note_activity.hpp"
#include "local/runtimes.hpp"
#include "net/tasks.hpp"

namespace bridge::local {

/// The jobs that runtimes are given over the API. Each holds the runtime's lock from its creation
/// to its end. One run does one job at a time; where controllers do not exclude each other, the
/// next ones wait in line. Kept in the store; what an earlier process left unfinished has failed.
class Invocations {
 public:
  /// Does the work. Whatever it opens in `page` is closed for it, also when it is cancelled.
  using Work = std::function<awaitable<InvocationEnd>(BrowserPage& page, RuntimeId runtime,
                                                      InvocationRequest const& request,
                                                      NoteStep const& note)>;

  Invocations(net::Loop& loop, Store& store, Runtimes& runtimes, NoteActivity note, Work work);
  /// Cancels what is under way and waits for it. For the end of life.
  awaitable<void> stop();

  /// Queues it. 409 runtime.not_executable without a run, runtime.controller_busy; 429 when too
  /// many wait.
  [[nodiscard]] Outcome<Json> create(RuntimeId const& runtime, InvocationRequest request);
  /// Asks it to end; a finished one stays as it is.
  [[nodiscard]] Outcome<Json> cancel(RuntimeId const& runtime, std::string const& id);
  /// Returns the invocation, with waitStatus, once it has ended or `limit` is over.
  awaitable<Outcome<Json>> wait(RuntimeId runtime, std::string id, Duration limit);

  [[nodiscard]] Outcome<Json> get(RunId const& run, std::string const& id);
  [[nodiscard]] Slice<Document> list(RunId const& run, DocumentFilter filter, Range range);
  [[nodiscard]] static Json summary(Document const& document);
  /// How many a run has had.
  [[nodiscard]] std::int64_t count(RunId const& run);

 private:
  struct Job;

  void fail_interrupted();
  awaitable<void> live(std::unique_ptr<Job> job);
  awaitable<InvocationEnd> turn(Job& job);
  awaitable<InvocationEnd> do_work(Job& job, BrowserPage& page);
  awaitable<InvocationEnd> open_and_work(Job& job, BrowserPage& page);
  awaitable<void> run_over(RunId run);
  void set_status(Job& job, std::string_view status);
  void finish(Job& job, InvocationEnd const& end);
  void tell(Job const& job, std::string type, std::string category, std::string message,
            std::string severity, Json data);
  [[nodiscard]] std::optional<Document> find(RuntimeId const& runtime, std::string const& id);

  net::Loop& loop_;
  Log log_{"local"};
  Database& database_;
  Documents documents_;
  Runtimes& runtimes_;
  NoteActivity note_;
  Work work_;
  std::map<RunId, std::deque<Job*>> lines_;
  std::map<std::string, Job*> jobs_;
  net::Broadcast changed_;
  net::Tasks tasks_;
};

}  // namespace bridge::local
