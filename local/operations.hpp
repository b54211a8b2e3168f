#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "local/accounts.hpp"
#include "local/ai.hpp"
#include "local/contract.hpp"
#include "local/errors.hpp"
#include "local/extensions.hpp"
#include "local/faults.hpp"
#include "local/files.hpp"
#include "local/json.hpp"
#include "local/proxies.hpp"
#include "local/query.hpp"
#include "local/routes.hpp"
#include "local/run_feed.hpp"
#include "local/runtimes.hpp"
#include "local/store.hpp"
#include "local/tools.hpp"
#include "local/vault.hpp"
#include "net/http_exchange.hpp"

namespace bridge::local {

struct Drivers;
class Recordings;
class Viewers;

/// What operations work on. Owned by Backend, which outlives every call.
struct Parts {
  Store& store;
  Accounts& accounts;
  Faults& faults;
  RunFeed& feed;
  Runtimes& runtimes;
  Contract const& contract;
  std::string const& chromium_version;
  Files& files;
  Extensions& extensions;
  Vault& vault;
  Ai& ai;
  Tools& tools;
  Proxies& proxies;
  Drivers& drivers;
  Recordings& recordings;
  Viewers& viewers;
};

/// One authenticated request, taken apart, its query and body as the contract demands. Lasts until
/// its operation has ended.
struct Call {
  net::HttpRequest const& request;
  PathParameters parameters;
  Query query;
  Json const& body;      ///< an object; empty where the operation takes no JSON
  Caller const& caller;  ///< for whom
  /// For what comes or goes in pieces: an upload, a file, a stream of events. Whoever answers here
  /// sends stream_headers() along and returns answered().
  net::HttpExchange& exchange;
  std::string const& request_id;

  /// What every reply carries.
  [[nodiscard]] net::HttpHeaders stream_headers() const { return {{"X-Request-Id", request_id}}; }
};

/// What an operation returns that has answered by itself.
[[nodiscard]] inline net::HttpReply answered() {
  return {};
}

/// A row of the table: an operation of the contract and what does it.
struct Operation {
  using Handler = awaitable<Outcome<net::HttpReply>> (*)(Parts&, Call const&);

  Route route;
  Handler handler;
  bool open = false;  ///< needs no key
  /// Of the body of an upload, when it is less than the backend takes of any.
  std::optional<std::uint64_t> upload_max = std::nullopt;
  /// Turns a JSON body that the contract does not foresee, and clients send, into one that it does.
  std::optional<Problem> (*read)(Json& body) = nullptr;
};

/// Every operation there is.
[[nodiscard]] std::vector<Operation> all_operations();

// The rows of one resource each, in the file of that name.
[[nodiscard]] std::span<Operation const> account_operations();
[[nodiscard]] std::span<Operation const> backend_operations();
[[nodiscard]] std::span<Operation const> device_operations();
[[nodiscard]] std::span<Operation const> extension_operations();
[[nodiscard]] std::span<Operation const> file_operations();
[[nodiscard]] std::span<Operation const> file_export_operations();
[[nodiscard]] std::span<Operation const> help_operations();
[[nodiscard]] std::span<Operation const> recipient_operations();
[[nodiscard]] std::span<Operation const> subaccount_operations();
[[nodiscard]] std::span<Operation const> space_operations();
[[nodiscard]] std::span<Operation const> runtime_operations();
[[nodiscard]] std::span<Operation const> run_operations();
[[nodiscard]] std::span<Operation const> runtime_file_operations();
[[nodiscard]] std::span<Operation const> vault_operations();
[[nodiscard]] std::span<Operation const> ai_operations();
[[nodiscard]] std::span<Operation const> tool_operations();
[[nodiscard]] std::span<Operation const> proxy_operations();
[[nodiscard]] std::span<Operation const> target_operations();
[[nodiscard]] std::span<Operation const> human_action_operations();
[[nodiscard]] std::span<Operation const> invocation_operations();
[[nodiscard]] std::span<Operation const> view_operations();

/// A space named by a body or query: an id, or "default"; 404 space.not_found for another's.
[[nodiscard]] Outcome<Space> find_space(Parts& parts, Call const& call, std::string const& named);

/// The run that the path names.
[[nodiscard]] Outcome<Run> find_run(Parts& parts, Call const& call);

/// The runtime of the path, which somebody uses; 404 runtime.not_found.
[[nodiscard]] Outcome<RuntimeId> touch_runtime(Parts& parts, Call const& call);

/// A file that is the caller's.
[[nodiscard]] std::optional<StoredFile> callers_file(Parts& parts, Call const& call,
                                                     std::string const& id);

/// The spaceId and status by which lists of runtimes and of runs are narrowed.
[[nodiscard]] Outcome<RuntimeFilter> read_runtime_filter(Parts& parts, Call const& call);

/// Whether what the path names (space, runtime, run) is the caller's. What is not there is.
[[nodiscard]] bool is_callers(Parts& parts, Call const& call);

/// Range of the rows a list call asks for.
[[nodiscard]] Outcome<Range> read_range(Query const& query);

}  // namespace bridge::local
