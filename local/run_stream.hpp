#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "local/json.hpp"
#include "local/run_feed.hpp"
#include "local/store.hpp"
#include "net/http_exchange.hpp"

namespace bridge::local {

/// What one stream of server-sent events shows.
struct RunStream {
  RunId run;
  EventFilter rows;                        ///< which rows are read
  std::string_view event;                  ///< "run.event", "run.activity"
  std::function<Json(Event const&)> view;  ///< a row as it is shown; null: not at all
  std::optional<std::int64_t> after;       ///< position behind which it begins
  Duration heartbeat = 15s;                ///< a reader knows by its absence that we are gone
};

/// Answers `exchange` with what has happened in the run, then with what happens, until the run has
/// ended (run.ended) or the reader has gone. Holds one page of rows at a time: who reads slowly
/// waits in the store, and who does not read at all is cut off.
awaitable<void> stream_run(net::HttpExchange& exchange, Store& store, RunFeed& feed,
                           RunStream stream, net::HttpHeaders headers);

}  // namespace bridge::local
