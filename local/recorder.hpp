#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "local/cdp_connection.hpp"
#include "local/descriptor.hpp"
#include "local/event_budget.hpp"
#include "local/event_translator.hpp"
#include "local/run_feed.hpp"
#include "local/traffic.hpp"

namespace bridge::local {

/// Writes down what happens in the browser of one run, and keeps its network traffic to what the
/// runtime's config allows. Works on a connection of the backend's own, beside the controller:
/// it attaches to every page, frame and worker, answers no dialog, and what a controller sets for
/// itself (downloads, interception) holds.
///
///   open() -> [the run is in the store] -> begin() -> close()
class Recorder final : private CdpListener {
 public:
  struct Options {
    RunId run;
    Traffic traffic;
    bool open_shadow_roots = false;   ///< closed shadow roots become open ones
    std::filesystem::path downloads;  ///< a directory for this run
  };
  Recorder(net::Loop& loop, RunFeed& feed, Options options, Log log);

  /// Attaches. When it returns, every page there is has its rules, and every later one gets them
  /// before its first script runs.
  awaitable<Result<void>> open(net::Url devtools);
  /// From now on events are written; the run must be in the store.
  void begin();
  /// Detaches and writes what is left.
  awaitable<void> close();
  /// Removes the downloads that were handed over, and their directory when nothing else is in it.
  /// When the browser has ended, and with it whoever may read them there.
  void clear_downloads();

  /// The connection, for questions to the browser that need no session.
  [[nodiscard]] CdpConnection& browser() { return cdp_; }
  /// Whether traffic is kept to rules, which hold only as long as browser() does.
  [[nodiscard]] bool restricts() const { return options_.traffic.restricts(); }
  /// The pages that are open, in the order of their appearance.
  [[nodiscard]] std::vector<EventTranslator::Page> const& pages() const {
    return translator_.pages();
  }

 private:
  /// A download that is over, with the event that is to tell it.
  struct Finished {
    Event event;
    Download download;
    Descriptor from;  // open when it lies on another disk
  };

  bool wants(std::string_view method, std::size_t bytes) override;
  void on_event(CdpEvent const& event) override;

  void take(CdpEvent const& event);
  void equip(CdpEvent const& event);
  void judge(CdpEvent const& event);
  awaitable<void> listen_first(Json paused, std::string session);
  void let_go(Json const& paused, std::string_view session);
  void put(Event event, std::string_view method);
  void keep_download(Event event);
  awaitable<void> hand_over_loop();
  awaitable<void> hand_over_all();
  awaitable<void> hand_over(Finished finished);
  awaitable<void> gather();
  awaitable<void> write_loop();
  awaitable<void> tell_loop();
  void tell_refused(bool at_the_end = false);
  void tell_refused(EventBudget::Why why, EventBudget::Counts const& counts);
  void write();

  RunFeed& feed_;
  Options options_;
  Log log_;
  EventTranslator translator_;
  EventBudget plenty_;  // for what pages may say by the thousand
  EventBudget rest_;    // for the others, which the plentiful ones must not push out
  std::map<std::string, std::string> fresh_;  // pages without a request yet: target -> session
  std::vector<Event> waiting_;
  std::deque<Finished> finished_;
  std::vector<std::filesystem::path> handed_over_;
  net::Signal more_;        // for the writer: something waits
  net::Signal downloaded_;  // something has been
  net::Signal refused_;     // something was left out, which is to be told
  CdpConnection cdp_;
  net::Tasks tasks_;
};

}  // namespace bridge::local
