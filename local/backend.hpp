#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "local/accounts.hpp"
#include "local/ai.hpp"
#include "local/contract.hpp"
#include "local/extensions.hpp"
#include "local/faults.hpp"
#include "local/files.hpp"
#include "local/gateway.hpp"
#include "local/idempotency.hpp"
#include "local/operations.hpp"
#include "local/outside.hpp"
#include "local/proxies.hpp"
#include "local/recordings.hpp"
#include "local/routes.hpp"
#include "local/run_feed.hpp"
#include "local/runtimes.hpp"
#include "local/seal.hpp"
#include "local/store.hpp"
#include "local/temporary_dir.hpp"
#include "local/tools.hpp"
#include "local/vault.hpp"
#include "local/viewers.hpp"
#include "net/http_server.hpp"

namespace bridge::local {

struct BackendOptions {
  std::uint16_t port = 0;  ///< on 127.0.0.1; 0: any free one
  /// Where spaces, runtimes, runs and profiles are kept. None: in memory, and profiles in a
  /// temporary directory that goes with us.
  std::optional<std::filesystem::path> state;
  std::string chromium;  ///< a program; empty: see find_chromium()
  std::vector<std::string> chromium_flags;
  Duration start_limit = 30s;               ///< for a browser to become usable
  std::uint64_t upload_max = 512ULL << 20;  ///< of one upload's body, in bytes
  /// What is asked through a proxy that is tried: answers with the address that it sees.
  std::string proxy_test_target = "https://api.ipify.org/?format=json";
  bool concurrent = false;  ///< controllers do not exclude each other
  bool recording = false;   ///< every run is recorded
};

/// The embedded local backend: the BCTRL API on loopback over Chromium processes of this machine.
/// It asks other hosts only where it is told to: webhooks, model providers, an extension's package,
/// the trial of a proxy. BCTRL is never one of them.
///
///   auto backend = Backend::open(loop, options);
///   auto started = co_await (*backend)->start();
///   ... (*backend)->base_url(), (*backend)->key() ...
///   co_await (*backend)->stop();            // then it may go
class Backend final : public net::HttpHandler {
 public:
  /// Opens the state and looks for Chromium. Errors: no Chromium (with the line that installs one),
  /// state in use by another process (with its pid), state unreadable.
  [[nodiscard]] static Result<std::unique_ptr<Backend>> open(net::Loop& loop,
                                                             BackendOptions options);
  ~Backend() override;

  /// Listens. An error when the port is taken, or not_found when the program is no Chromium.
  awaitable<Result<void>> start();
  /// Ends every Chromium, answers what is under way, closes. Returns when nothing of ours is left.
  awaitable<void> stop();

  /// "http://127.0.0.1:PORT/v1"; after start().
  [[nodiscard]] std::string base_url() const;
  /// A key it takes. Every key that begins with "local_" will do; this one nobody can guess.
  [[nodiscard]] Secret const& key() const { return key_; }
  /// "156.0.8078.79"; after start().
  [[nodiscard]] std::string const& chromium_version() const { return chromium_version_; }
  /// How many Chromiums run.
  [[nodiscard]] std::size_t active_runtimes() const { return runtimes_.snapshot().size(); }

  [[nodiscard]] net::BodyPlan plan_body(net::HttpRequest const& head) override;
  awaitable<void> handle(net::HttpExchange& exchange) override;
  [[nodiscard]] net::HttpReply reject(unsigned status, std::string_view why) override;

 private:
  Backend(net::Loop& loop, BackendOptions options, std::unique_ptr<Store> store,
          std::unique_ptr<Seal> seal, std::unique_ptr<TemporaryDir> temporary,
          std::unique_ptr<Files> files, std::filesystem::path const& home);
  /// As open(), and the store may fail.
  [[nodiscard]] static Result<std::unique_ptr<Backend>> try_open(net::Loop& loop,
                                                                 BackendOptions options);
  /// Where a request leads: what its path, the routes and the contract say of it.
  struct Routed {
    std::string_view path;
    std::string_view query;
    Routes::Answer answer;
    Operation const* operation = nullptr;            ///< when there is one
    Contract::Operation const* described = nullptr;  ///< when it is one of the contract
  };
  /// Looks into the request's target, which must outlive the answer.
  [[nodiscard]] Routed find(net::HttpRequest const& request) const;
  awaitable<Outcome<net::HttpReply>> answer(net::HttpExchange& exchange,
                                            std::string const& request_id);
  /// The same, and the store may fail.
  awaitable<Outcome<net::HttpReply>> try_answer(net::HttpExchange& exchange,
                                                std::string const& request_id);
  /// The body as the contract demands it of this operation, which may be none of its own.
  [[nodiscard]] Outcome<Json> read_body(Routed const& routed,
                                        net::HttpRequest const& request) const;
  /// What was asked to go wrong with this call, if anything.
  awaitable<Outcome<void>> suffer_fault(Routed const& routed, Call const& call);
  awaitable<Outcome<net::HttpReply>> perform(Routed const& routed, Call const& call);

  net::Loop& loop_;
  BackendOptions options_;
  Log log_{"local"};
  Secret key_;
  std::string chromium_version_;
  std::unique_ptr<TemporaryDir> temporary_;  // none when there is a state directory
  std::unique_ptr<Store> store_;
  std::unique_ptr<Seal> seal_;
  Vault vault_;
  Outside outside_;
  Ai ai_;
  Tools tools_;
  Proxies proxies_;
  std::unique_ptr<Files> files_;
  Extensions extensions_;
  RunFeed feed_;
  Runtimes runtimes_;
  Faults faults_;
  Gateway gateway_;
  std::unique_ptr<Drivers> drivers_;
  Recordings recordings_;
  Viewers viewers_;
  Idempotency idempotency_;
  Contract contract_;
  Accounts accounts_;
  Parts parts_;
  std::vector<Operation> operations_;
  Routes routes_;
  net::HttpServer server_;
};

}  // namespace bridge::local
