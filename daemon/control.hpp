#pragma once

#include <string>

#include "net/http_server.hpp"

namespace bridge {

class Daemon;

/// What the verbs of the command line ask the daemon, as HTTP over a Unix socket that only its user
/// can open:
///   GET  /status                  the daemon and all bridges
///   GET  /bridges/<name>          one bridge
///   POST /bridges/<name>/up       wake it, answer when clients can attach
///   POST /bridges/<name>/stop     send its clients away and stop its runtime
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
  awaitable<net::HttpReply> answer(std::string method, std::string path);
  awaitable<net::HttpReply> act(std::string method, std::string name, std::string verb);

  Daemon& daemon_;
};

}  // namespace bridge
