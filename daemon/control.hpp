#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "daemon/failure.hpp"
#include "net/http_server.hpp"

namespace bridge {

class Bridge;
class Daemon;

/// What the verbs of the command line ask the daemon, as HTTP over a Unix socket that only its user
/// can open:
///   GET  /status                  the daemon and all bridges
///   GET  /bridges/<name>          one bridge
///   POST /bridges/<name>/up       wake it, answer when clients can attach
///   POST /bridges/<name>/stop     send its clients away and stop its runtime
///   POST /bridges/<name>/release  let go of the runtime: {"forSeconds"?}
///   POST /bridges/<name>/acquire  take it back
///   POST /bridges/<name>/invoke   the API's body of an invocation; answers when it has ended
///   POST /bridges/<name>/human    {"message", "timeoutSeconds"?}; answers when it has ended
///   POST /shutdown                end the daemon: {"drainSeconds"?}
///   POST /reload                  read the configuration again; what that has changed
///   POST /gc                      stop runtimes of ours that no bridge holds
///   POST /gc/dry-run              only say which
/// A name is percent-encoded. Errors are {"error":{"code","message","wayOut","requestId"?}} with
/// the status of the failure's kind; 405 for an action that there is not.
class Control final : public net::HttpHandler {
 public:
  explicit Control(Daemon& daemon) : daemon_(daemon) {}
  awaitable<void> handle(net::HttpExchange& exchange) override;
  /// The body of GET /status.
  [[nodiscard]] std::string status_json();
  /// What stays true while the daemon runs: pid, service address, bridges with their addresses.
  [[nodiscard]] std::string locator_json();

 private:
  awaitable<net::HttpReply> answer(net::HttpExchange& exchange);
  awaitable<net::HttpReply> act(net::HttpExchange& exchange, std::string name, std::string verb);
  /// Answers what the bridge is afterwards.
  awaitable<FailureOr<>> tell(Bridge& bridge, std::string_view verb,
                              nlohmann::ordered_json const& body);
  awaitable<net::HttpReply> hand_over(net::HttpExchange& exchange, Bridge& bridge,
                                      std::string verb);
  awaitable<net::HttpReply> collect(bool dry_run);
  awaitable<net::HttpReply> reload();

  Daemon& daemon_;
};

}  // namespace bridge
