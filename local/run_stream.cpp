#include "local/run_stream.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "local/query.hpp"
#include "local/views.hpp"

namespace bridge::local {
namespace {

constexpr auto kWriteLimit = 30s;
constexpr std::int64_t kRowsAtOnce = 200;

std::string frame(std::string_view event, Json const& data, std::string_view id = {}) {
  auto const named = id.empty() ? std::string() : fmt::format("id: {}\n", id);
  return fmt::format("{}event: {}\ndata: {}\n\n", named, event, to_text(data));
}

Json ended_view(Run const& run) {
  auto const summary = run_summary(run);
  return Json{{"runId", summary.at("id")},
              {"status", summary.at("status")},
              {"finishedAt", summary.at("finishedAt")},
              {"failure", summary.at("failure")}};
}

/// The frames of the next rows; moves `stream.after` on.
std::string next_frames(Store& store, RunStream& stream, bool& more) {
  auto const slice = store.events(stream.run, stream.rows, Range{kRowsAtOnce, stream.after});
  std::string text;
  for (auto const& row : slice.rows) {
    stream.after = row.position;
    auto const shown = stream.view(row);
    if (!shown.is_null()) text += frame(stream.event, shown, cursor_text(row.position));
  }
  more = slice.more;
  return text;
}

awaitable<bool> write_rows(net::HttpExchange& exchange, Store& store, RunStream& stream) {
  for (bool more = true; more;) {
    auto const text = next_frames(store, stream, more);
    if (text.empty()) {
      // Rows that are not shown are no reason to hold up the others.
      co_await net::sleep_for(0s);
      continue;
    }
    auto const sent = co_await exchange.write(text);
    if (!sent) co_return false;
  }
  co_return true;
}

awaitable<void> show(net::HttpExchange& exchange, Store& store, RunFeed& feed, RunStream& stream) {
  auto heartbeat = Clock::now() + stream.heartbeat;
  for (;;) {
    // Both before the rows are read: what comes meanwhile is found in the next round.
    auto const seen = feed.version();
    auto const run = store.run(stream.run);
    auto const written = co_await write_rows(exchange, store, stream);
    if (!written || !run) co_return;
    if (run->status != Status::active) {
      auto const last = frame("run.ended", ended_view(*run));
      auto const sent = co_await exchange.write(last);
      if (sent) [[maybe_unused]]
        auto const end = co_await exchange.end();
      co_return;
    }
    if (Clock::now() >= heartbeat) {
      heartbeat = Clock::now() + stream.heartbeat;
      auto const beat = frame("heartbeat", Json{{"time", rfc3339(now())}});
      auto const sent = co_await exchange.write(beat);
      if (!sent) co_return;
    }
    if (feed.version() == seen) co_await (feed.news() || net::sleep_for(heartbeat - Clock::now()));
  }
}

// Whoever reads must not wait for what does not come: the connection ends with us.
awaitable<void> follow(net::HttpExchange& exchange, Store& store, RunFeed& feed,
                       RunStream& stream) {
  try {
    co_await show(exchange, store, feed, stream);
  } catch (StoreFailure const& failure) {
    Log("local").error("a stream of events ends here: {}", failure.what());
  }
}

}  // namespace

awaitable<void> stream_run(net::HttpExchange& exchange, Store& store, RunFeed& feed,
                           RunStream stream, net::HttpHeaders headers) {
  auto const watching = feed.watch(stream.run);
  headers.emplace_back("Content-Type", "text/event-stream");
  headers.emplace_back("Cache-Control", "no-cache");
  auto const begun = co_await exchange.begin_stream(200, std::move(headers), kWriteLimit);
  if (!begun) co_return;
  co_await (follow(exchange, store, feed, stream) || exchange.gone());
}

}  // namespace bridge::local
