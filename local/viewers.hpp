#pragma once

#include <list>
#include <string>
#include <string_view>

#include "base/secret.hpp"
#include "local/errors.hpp"
#include "local/json.hpp"
#include "local/live_view.hpp"
#include "local/recordings.hpp"
#include "local/view_leases.hpp"
#include "net/http_exchange.hpp"

namespace bridge::local {

/// The pages on which people watch runs: http://ADDRESS/view/<token>/ shows one that goes on, or
/// plays a recording. The token stands for a key.
class Viewers {
 public:
  static constexpr std::string_view kPath = "/view/";

  Viewers(net::Loop& loop, Store& store, Runtimes& runtimes, Recordings& recordings)
      : loop_(loop),
        store_(store),
        runtimes_(runtimes),
        recordings_(recordings),
        left_(loop.executor()) {}

  /// "http://127.0.0.1:PORT", in front of every address. Call before the first lease().
  void set_origin(std::string origin) { origin_ = std::move(origin); }

  /// The address that opens `lease`; 503 viewer.mint_failed when there are too many.
  [[nodiscard]] Outcome<Secret> lease(ViewLease lease);

  /// Answers a request whose path begins with kPath. 404 for a token that is unknown or has
  /// expired.
  awaitable<void> handle(net::HttpExchange& exchange, std::string_view path,
                         std::string_view request_id);

  /// Sends every viewer away and waits for it. For the end of life.
  awaitable<void> stop();

 private:
  awaitable<void> watch(net::HttpExchange& exchange, ViewLease lease);
  [[nodiscard]] Outcome<net::HttpReply> file(ViewLease const& lease, std::string_view name);

  net::Loop& loop_;
  Store& store_;
  Runtimes& runtimes_;
  Recordings& recordings_;
  std::string origin_;
  ViewLeases leases_;
  std::list<LiveView*> live_;  // each is owned by its watch()
  bool closing_ = false;
  net::Broadcast left_;
};

}  // namespace bridge::local
