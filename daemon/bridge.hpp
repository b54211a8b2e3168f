#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/log.hpp"
#include "cdp/mux.hpp"
#include "config/config.hpp"
#include "daemon/client.hpp"
#include "daemon/controller.hpp"
#include "daemon/crash_record.hpp"
#include "daemon/failure.hpp"
#include "daemon/hold_watch.hpp"
#include "daemon/keeper.hpp"
#include "daemon/lifetime.hpp"
#include "daemon/usage.hpp"
#include "net/dial.hpp"
#include "net/http_server.hpp"

namespace bridge {

/// Where a bridge stands.
///
///            attach, up                 connected
///   cold ───────────────> waking ─────────────────> live
///    ^  ^                   │ failed                │  ^ │ upstream lost, clients stay
///    │  └───────────────────┘      stop, or nobody  │  │ v
///    │                             to wait for it   │ resuming
///    │                                              v    │ the run is over, or too long
///    └──────────────────────────────────────────── closing   (clients are sent away, then cold)
///
///   live ──> released ──> resuming: somebody else drives meanwhile (controller.hpp), clients stay
///
/// A draining bridge (the daemon ends) goes to cold in the same way and admits nobody.
enum class BridgeState { cold, waking, live, resuming, released, closing };
[[nodiscard]] std::string_view to_text(BridgeState state);

/// One local endpoint paired with one runtime: holds the single upstream connection, which is what
/// holds the controller lock, and the clients that share it. Lives on its Loop; every member runs
/// there.
class Bridge final : private cdp::MuxOut {
 public:
  /// How long this end is patient with the others.
  struct Timing {
    unsigned rejoin_tries = 3;      ///< of a run that was open already and does not take us
    Duration rejoin_pause = 250ms;  ///< before the first of them; doubles
    /// Before the second try to get a lost connection back; doubles.
    std::chrono::milliseconds redial_pause{100};
    std::chrono::milliseconds redial_pause_max{5000};
    Duration nobody_patience = 3s;  ///< with a fixed upstream at whose port nothing listens
    Duration quiet = 5s;            ///< for commands under way, before somebody else drives
    Duration dial = 30s;  ///< to connect to the runtime, and for its browser to say what it is
    Duration ping_every = 20s;
    Duration silence_max = 75s;  ///< three unanswered pings
    Duration stuck = 50ms;       ///< without a word of the runtime, with a client's window full
    Duration farewell = 5s;      ///< for a peer to take its close frame
    HoldWatch::Timing hold;      ///< for a client that holds others up
    Duration watch_every = 1s;   ///< how often that is looked at, and whether the run is due
    Duration probe = 1500ms;     ///< for the runtime to answer a probe
    Duration idle_poll = 50ms;   ///< the same, while commands nobody waits for are in flight
    /// Before a stop that failed is tried again; doubles.
    std::chrono::milliseconds stop_again{2000};
    std::chrono::milliseconds stop_again_max{60000};
  };

  /// `platform` may be null for a fixed upstream.
  Bridge(net::Loop& loop, net::Reach reach, api::Platform* platform, config::Bridge config);
  Bridge(net::Loop& loop, net::Reach reach, api::Platform* platform, config::Bridge config,
         Timing timing);
  ~Bridge();
  Bridge(Bridge const&) = delete;
  Bridge& operator=(Bridge const&) = delete;

  /// Where its runs are written down, and what a budget is measured by; it outlives the bridge.
  void keep_ledger(Ledger& ledger) { ledger_ = &ledger; }

  [[nodiscard]] config::Bridge const& config() const { return config_; }
  /// Another configuration with the same name, runtime and upstream. Clients stay; limits of a
  /// message or a queue, and `resume`, are those of connections that come later. `lease`: as for
  /// keep_record().
  void adjust(config::Bridge config, Duration lease);

  /// What must survive a crash of the daemon is kept in `record`, which outlives the bridge, and
  /// what a crash has left there is taken over. Before anybody attaches.
  void keep_record(CrashRecord& record, Duration lease);
  /// Wakes the bridge if the run that a killed daemon has left is still open.
  void begin_recovery();
  /// This bridge has that runtime in use, or is about to.
  [[nodiscard]] bool holds(RuntimeId const& runtime) const;
  [[nodiscard]] bool has_lease() const { return keeper_ && keeper_->has_lease(); }
  /// False: to be tried again soon.
  awaitable<bool> renew_lease();
  /// The network may be another one: a connection that does not answer now is given up.
  void probe();

  /// Wakes the runtime if need be and waits, at most attach_timeout, until clients can join. Any
  /// number of callers share one wake.
  awaitable<FailureOr<>> up();
  /// What up() would wait for in vain unless somebody says acquire().
  [[nodiscard]] std::optional<Failure> waits_for_acquire() const;
  /// Sends the clients away (1001), lets go of the upstream and stops the runtime, whoever started
  /// it.
  awaitable<FailureOr<>> stop_runtime();
  /// The daemon ends: as stop_runtime, but only a run that we started is stopped, and only if
  /// on_exit says so. Admits nobody from now on; commands under way may take as long as `drain`.
  /// Yields what happened to the runtime, a phrase to print.
  awaitable<std::string> shut_down(Duration drain);
  /// The bridge is no longer wanted: the same at once, whatever on_exit says.
  awaitable<std::string> take_away();
  /// After one of these: the runtime may still run, and it is ours to stop.
  [[nodiscard]] bool may_still_run() const;
  /// Tries to stop it once more. Yields a phrase as well.
  awaitable<std::string> stop_again();
  /// Commands under way may take so long, from now, and no longer.
  void drain_within(Duration limit) { drain_until_ = Clock::now() + limit; }

  /// Serves one WebSocket from its handshake to its end. `target` empty: the browser endpoint.
  awaitable<void> serve_socket(net::HttpExchange& exchange, std::string target);
  /// A CDP command of ours for the /json routes; only while live.
  awaitable<FailureOr<std::string>> call(std::string method, std::string params);

  /// The same, for a mere look that keeps no runtime from its idle_stop.
  awaitable<FailureOr<std::string>> look_up(std::string method, std::string params);

  /// The schema for /json/protocol: the runtime's own where it can be asked, else the pinned one.
  /// Wakes nobody.
  awaitable<std::string> protocol();

  [[nodiscard]] BridgeState state() const { return state_; }
  /// Version and targets as last known; the targets are empty unless live.
  [[nodiscard]] cdp::Discovery& discovery() {
    return knows_browser() ? mux_->discovery() : last_known_;
  }
  /// "/devtools/browser/<uuid>": fresh for every start of the daemon, never the upstream's path.
  [[nodiscard]] std::string const& browser_path() const { return browser_path_; }

  /// What will end the run if nothing changes.
  struct Countdown {
    Lifetime::Cause cause{};
    std::chrono::system_clock::time_point at;
    std::string text;  ///< "stops in 4m59s: no client"
  };
  struct Status {
    BridgeState state;
    std::chrono::system_clock::time_point since;
    std::string reason;  ///< why it is in this state; may be empty
    std::optional<Failure> last_failure;
    RuntimeId runtime;
    RunId run;
    bool started_here = false;
    unsigned attempts = 0;           ///< of the start that clients wait for; 0: none failed yet
    std::optional<Countdown> stops;  ///< none: nothing ends it
    std::optional<BudgetLeft> budget;
    std::size_t clients = 0;
    std::size_t sessions = 0;
    std::size_t pending = 0;
    std::size_t targets = 0;
    cdp::Mux::Counts counts;
    std::chrono::system_clock::time_point connected_since;
    bool connected = false;  ///< we hold the connection to the runtime, and with it its lock
    std::optional<Controller::Holder> holder;  ///< who else drives, or is about to
    std::vector<std::string> holding;          ///< "c2 Playwright/1.65.1 holds up ...", a line each
  };
  [[nodiscard]] Status status() const;

  /// Lets go of the runtime, for a time or until acquire(): sockets of clients stay, `parked` of
  /// the configuration says what becomes of their commands. Returns when nobody is connected to it.
  awaitable<FailureOr<>> release(std::optional<Duration> time);
  /// Takes back what release() has let go of. Returns when the clients have it again, or nobody was
  /// there to have it. Errors: somebody else drives it still, or it could not be had.
  awaitable<FailureOr<>> acquire();
  /// Has the platform do something in the runtime, which it lets go of for that and takes back
  /// afterwards. `request_json` is the API's body. When `exchange` goes, the invocation is
  /// cancelled. Yields what became of it: an invocation that failed is no failure here.
  awaitable<FailureOr<api::Invocation>> invoke(net::HttpExchange& exchange,
                                               std::string request_json);
  /// The same for something that a person is asked to do there.
  awaitable<FailureOr<api::HumanAction>> ask_human(net::HttpExchange& exchange, std::string message,
                                                   std::optional<std::chrono::seconds> limit);

  // For Client.
  void client_drained();
  void from_client(ClientId who, std::string_view frame);
  [[nodiscard]] bool upstream_full() const;
  /// Bytes that may be read of it now. At 0 wait_for_room() ends when there may be some again.
  [[nodiscard]] std::size_t room_for(Client const& client) const;
  awaitable<void> wait_for_room(Client& client);

 private:
  class Upstream;
  class Seat;

  void to_upstream(cdp::Spliced const& message) override;
  void to_client(ClientId who, cdp::Spliced const& message) override;
  bool begin_message(ClientId who, std::uint64_t length) override;
  void continue_message(ClientId who, std::string_view bytes) override;
  void pad_message(ClientId who) override;
  void break_off(ClientId who) override;
  void client_leaves(ClientId who) override;
  void target_gone(ClientId who) override;
  void context_made(std::string_view context) override;
  void context_gone(std::string_view context) override;

  void enter(BridgeState state, std::string reason);
  void fail(Failure failure);
  awaitable<void> renew_once();
  awaitable<std::string> leave(Duration drain, std::string_view why, config::OnExit then);
  void set_joined(std::size_t count);
  [[nodiscard]] Failure stopping() const;
  [[nodiscard]] bool knows_browser() const { return mux_ && mux_->discovery().version().known(); }

  awaitable<void> life();
  awaitable<FailureOr<std::unique_ptr<net::WsStream>>> open_upstream();
  awaitable<FailureOr<net::Url>> find_upstream();
  awaitable<FailureOr<net::Url>> find_upstream_again();
  awaitable<bool> recover();
  awaitable<FailureOr<api::RuntimeStart>> begin_run();
  awaitable<std::string> leave_running();
  awaitable<void> probe_upstream();
  void note_soon(Happening::Kind kind, std::string text);
  awaitable<void> note_end();
  awaitable<Failure> run_upstream();
  [[nodiscard]] bool clients_stay() const;
  [[nodiscard]] std::optional<Failure> ends_redial(Failure const& why, bool returning) const;
  awaitable<FailureOr<std::unique_ptr<net::WsStream>>> regain_upstream(Failure why);
  awaitable<FailureOr<std::unique_ptr<net::WsStream>>> redial(Failure why, bool returning);
  awaitable<FailureOr<std::unique_ptr<net::WsStream>>> redial_once();
  awaitable<void> send_home(Failure why);
  void meet_browser();
  void take_over_contexts();
  awaitable<std::string> heartbeat();
  awaitable<void> watch_clients();

  // bridge_lifetime.cpp
  awaitable<FailureOr<std::unique_ptr<net::WsStream>>> open_patiently();
  [[nodiscard]] static Lifetime::Rules rules_of(config::Bridge const& config);
  void note_run(std::string_view ended_because);
  void note_use();
  void call_quietly(std::string_view method);
  void keep_books();
  [[nodiscard]] bool has_budget() const;
  [[nodiscard]] BudgetLeft budget_now() const;
  [[nodiscard]] std::optional<Failure> over_budget() const;
  [[nodiscard]] std::optional<Countdown> countdown() const;
  awaitable<void> watch_lifetime();
  awaitable<void> begin_ending();
  awaitable<void> end_run(Lifetime::End end);
  awaitable<std::optional<Failure>> try_end_run(Failure why);
  [[nodiscard]] Failure failure_of(Lifetime::Cause cause) const;
  [[nodiscard]] bool is_silent(ClientId who, Clock::time_point since) const;
  void let_go_of(ClientId who, std::string const& line);
  awaitable<void> send_clients_away(std::uint16_t code, std::string reason);
  awaitable<void> let_go(Failure why);

  [[nodiscard]] cdp::Mux::Meanwhile parked() const;
  [[nodiscard]] FailureOr<> can_hand_over() const;
  void watch_controller();
  awaitable<void> follow_controller();
  void part(Clock::time_point quiet_until);
  void find_moment(Clock::time_point now, Clock::time_point quiet_until);
  void close_for_another();
  awaitable<void> while_released();
  awaitable<FailureOr<>> parted();
  awaitable<FailureOr<Controller::Hold>> hand_over(std::string who);
  void take_back(Controller::Hold hold);
  template <class Begin>
  std::invoke_result_t<Begin> begin_once_free(Begin begin);

  awaitable<void> drain_commands();
  awaitable<FailureOr<>> wait_until_live();
  [[nodiscard]] Failure let_to_another() const;
  [[nodiscard]] std::string held_by() const;
  void note_release();
  void release_again(std::string const& until);
  awaitable<FailureOr<>> wait_for_turn(net::HttpExchange& exchange, std::uint64_t place);
  [[nodiscard]] Failure attach_timeout(std::string_view what) const;
  awaitable<FailureOr<>> join(net::HttpExchange& exchange, ClientId who, std::string const& target);
  awaitable<FailureOr<>> admit(net::HttpExchange& exchange);
  awaitable<void> refuse(net::HttpExchange& exchange, Failure why);
  awaitable<void> run_client(std::unique_ptr<Seat> seat);
  void evict(Client& client);
  awaitable<void> passing_room();
  void look_at_windows();
  awaitable<void> evict_later(ClientId who);
  [[nodiscard]] Client* find_client(ClientId who) const;

  net::Loop& loop_;
  net::Reach reach_;
  api::Platform* platform_;
  config::Bridge config_;
  Timing timing_;
  Log log_;
  std::optional<Keeper> keeper_;
  std::string browser_path_;

  BridgeState state_ = BridgeState::cold;
  std::chrono::system_clock::time_point since_ = std::chrono::system_clock::now();
  std::string reason_;
  std::optional<Failure> last_failure_;
  std::uint64_t wakes_ = 0;
  bool draining_ = false;
  std::string_view leaves_because_;  // while draining
  bool survives_ = false;            // clients, the loss of the connection that is now
  Clock::time_point drain_until_{};
  CrashRecord* record_ = nullptr;
  bool recovering_ = false;                 // a killed daemon's run may be open
  std::optional<api::RuntimeStart> found_;  // it is, and where
  bool joined_run_ = false;                 // the last start found its run open
  bool was_live_ = false;                   // this upstream, or one that it took over from
  Clock::time_point live_since_{};
  Clock::time_point gone_since_{};      // heard of last, before the connection that is now
  std::set<std::string> contexts_;      // of our clients, that outlive their connections
  RunId contexts_run_;                  // whose they are
  std::string not_same_;                // why the new connection cannot take over
  std::optional<net::Signal> give_up_;  // for a dial nobody wants any more
  std::chrono::system_clock::time_point connected_since_;
  std::optional<Failure> leaving_because_;  // we end the upstream ourselves, and why
  Controller controller_;
  bool following_controller_ = false;
  std::optional<std::uint64_t> quiet_count_;        // commands sent, at the last look
  std::optional<Clock::time_point> parting_since_;  // the upstream has our close frame

  std::unique_ptr<net::WsStream> upstream_;
  std::unique_ptr<cdp::Mux> mux_;
  cdp::Discovery last_known_;
  std::string protocol_;  // what a fixed upstream said; empty: not asked
  std::map<ClientId, std::unique_ptr<Client>> clients_;
  std::uint64_t last_client_ = 0;
  std::deque<std::uint64_t> line_;  // of exclusive clients: the first is in, the others wait
  std::uint64_t last_place_ = 0;
  std::size_t joined_ = 0;  // sockets that use mux_, from before their attach to after their leave

  Ledger* ledger_ = nullptr;
  Lifetime lifetime_;
  RunId noted_run_;
  LedgerRow::Time last_books_{};
  bool watching_ = false;        // watch_lifetime() goes on
  bool ending_run_ = false;      // by one at a time; attaches wait
  std::size_t attaches_ = 0;     // from their admission to their end
  std::size_t waiters_ = 0;      // of a wake
  std::size_t quiet_calls_ = 0;  // in flight, and nobody's work
  Clock::time_point patience_until_{};
  std::optional<Failure> trouble_;  // why the wake is not done yet
  unsigned attempts_ = 0;

  HoldWatch hold_watch_;
  std::vector<std::string> holding_;

  net::Broadcast changed_;
  net::Broadcast room_;
  /// A client whose window is full, or waits for the answer that tells how long the queue is.
  struct Windowed {
    ClientId who{};
    net::Signal* opened = nullptr;  // while it waits
  };
  std::vector<Windowed> windowed_;
  std::optional<ClientId> passing_to_;  // a reply in pieces comes faster than it reads
  Duration passing_patience_{};         // left for this reply
  net::Broadcast drained_;              // of that client
  net::Tasks tasks_;
};

}  // namespace bridge
