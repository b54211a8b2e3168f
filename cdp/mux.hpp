#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "cdp/discovery.hpp"
#include "cdp/downloads.hpp"
#include "cdp/effects.hpp"
#include "cdp/envelope.hpp"
#include "cdp/holds.hpp"
#include "cdp/json_ending.hpp"
#include "cdp/pending.hpp"
#include "cdp/policy.hpp"
#include "cdp/sessions.hpp"

namespace bridge::cdp {

/// Where the mux's products go. Called synchronously from within the mux; what the views show lasts
/// for the call. Calls must not come back into the mux, except that leave() may follow later.
class MuxOut {
 public:
  virtual ~MuxOut() = default;
  virtual void to_upstream(Spliced const& message) = 0;
  virtual void to_client(ClientId who, Spliced const& message) = 0;
  /// A message of `length` bytes begins, which come by continue_message() and pad_message().
  /// False: the client has no room for it, and nothing comes.
  virtual bool begin_message(ClientId /*who*/, std::uint64_t /*length*/) { return false; }
  virtual void continue_message(ClientId /*who*/, std::string_view /*bytes*/) {}
  /// What is left of it is spaces.
  virtual void pad_message(ClientId /*who*/) {}
  /// The message that was begun cannot be ended: the client's connection is of no use any more.
  virtual void break_off(ClientId /*who*/) {}
  /// The client asked to close the browser: it leaves, with close code 1000, after what was sent to
  /// it.
  virtual void client_leaves(ClientId who) = 0;
  /// The page endpoint's target is gone: end the socket as Chrome does, without a close frame.
  virtual void target_gone(ClientId who) = 0;
  /// A browser context exists that only we dispose of: Chrome no longer does it when its client
  /// goes.
  virtual void context_made(std::string_view /*context*/) {}
  /// It is disposed of.
  virtual void context_gone(std::string_view /*context*/) {}
};

struct MuxOptions {
  std::int32_t first_id = 1;
  /// Clients stay when the connection is lost, and their sessions are made anew on the next one:
  /// see suspend(). What that takes is remembered from the first command on.
  bool survives = false;
};

/// How far a client's commands have come, in bytes of its frames. Of a long one not all count: the
/// runtime is busy with it no longer than with a few others. Answered are also those that will not
/// be any more.
struct Flow {
  static constexpr std::size_t kMost = 4096;  ///< that counts of one frame
  std::uint64_t sent = 0;                     ///< to the runtime
  std::uint64_t answered = 0;
};

/// Routes CDP of many clients over one upstream connection. Knows ids, sessions and their owners;
/// knows nothing of sockets or time.
///
/// Every client gets a private session of the browser (or page) target, its root; the client never
/// sees its id.
///
///            suspend()               resume()               everybody restored
///   live ───────────────> suspended ──────────> restoring ──────────────────────> live
///    ^                        ^                     │ suspend()
///    │                        └─────────────────────┘
///    └ start()                   lose_upstream(): the end, from any of them
///
/// Suspended, restoring or paused, what clients send is held. A command in flight at the loss is
/// answered with an error, once, unless it cannot have done anything that outlives its session
/// (effects.hpp): then it is sent again.
class Mux {
 public:
  explicit Mux(MuxOut& out, MuxOptions options = {})
      : out_(out), options_(options), pending_(options.first_id) {}
  Mux(Mux const&) = delete;
  Mux& operator=(Mux const&) = delete;

  /// What became of a call of ours: the raw "result" object, or the error's message.
  struct Answer {
    std::string_view result;
    std::string error;
    [[nodiscard]] bool ok() const { return error.empty(); }
  };
  using OnAnswer = std::function<void(Answer const&)>;

  /// Learns version and targets on the control session; `ready` is called when both are known.
  void start(OnAnswer ready);

  /// Gives a client its root session: of the browser, or of `target` when it is not empty. `joined`
  /// says how it went; it is not called when the client leaves before.
  void join(ClientId who, std::string_view target, OnAnswer joined);
  /// The client is gone: its sessions and commands are forgotten, its root is detached.
  void leave(ClientId who);

  /// Of a client that is there; else empty.
  [[nodiscard]] Flow flow(ClientId who) const;

  /// The client has joined and its target is still there.
  [[nodiscard]] bool has_root(ClientId who) const;

  /// One text frame of a client that has joined. Answers itself or forwards.
  void from_client(ClientId who, std::string_view frame);
  /// One text frame of the runtime.
  void from_upstream(std::string_view frame);
  /// The runtime begins a frame of `length` bytes with `head`. True: it is a reply whose receiver
  /// is known, and take_piece() gets all of it, `head` included, instead of from_upstream(). A loss
  /// on the way ends it as an error.
  [[nodiscard]] bool begin_pieces(std::uint64_t length, std::string_view head);
  void take_piece(std::string_view piece, bool last);

  /// A command of ours on the control session, for /json/new and its like.
  void call(std::string_view method, std::string_view params, OnAnswer answer);

  /// Answers every command in flight or held with an error, so that each has exactly one answer
  /// before sockets close.
  void lose_upstream();

  /// What becomes of the commands of clients while somebody else drives the browser.
  enum class Meanwhile : std::uint8_t { held, refused };
  /// From now on nothing new goes to the browser, except what lets a request go on that Fetch has
  /// paused; answers and events still come. Until go_on(), also over a suspend() and a resume().
  void pause(Meanwhile meanwhile);
  void go_on();
  /// Tells clients that what they hold of this connection is void: objects, execution contexts,
  /// nodes. suspend() does; before one that is planned, said while no command is in flight, it
  /// costs them nothing.
  void void_contexts();
  /// Calls `quiet`, once, right behind the next answer with which no command is in flight any more.
  void when_quiet(std::function<void()> quiet);
  /// Commands of clients that have no answer yet. Those held are not counted.
  [[nodiscard]] std::size_t in_flight() const;

  /// The connection is lost and there will be another to the same browser. Only when `survives`.
  void suspend();
  /// to_upstream() reaches the browser again, over a connection that knows nothing of us. Makes
  /// every session anew and lets go of what was held. `done` hears when all stand, or why it cannot
  /// be: another browser answers, or this one refuses; lose_upstream() then. Not called when the
  /// connection is lost meanwhile.
  void resume(OnAnswer done);
  /// Sessions that Chrome may still give back by itself, a worker's for instance. After a moment of
  /// patience: they are gone, and their clients hear of it.
  void drop_unbound();
  [[nodiscard]] bool suspended() const { return suspended_; }
  /// Bytes of the commands that wait for a connection.
  [[nodiscard]] std::size_t held_bytes() const { return held_bytes_; }
  /// Browser contexts of an earlier connection, or process, that nobody else disposes of.
  void dispose_contexts(std::vector<std::string> const& contexts);

  [[nodiscard]] Discovery& discovery() { return discovery_; }
  [[nodiscard]] Discovery const& discovery() const { return discovery_; }

  /// What stands still because of a client.
  [[nodiscard]] Holds const& holds() const { return holds_; }

  /// Chrome ends the pause of a request without a word when its page goes elsewhere. Asks it, and
  /// forgets a hold that is over; `lasts` is called when it is not.
  void ask_whether_paused(Hold const& hold, std::function<void()> lasts);

  struct Counts {
    std::uint64_t commands = 0;
    std::uint64_t replies = 0;
    std::uint64_t events = 0;
    std::uint64_t refused = 0;  ///< commands answered here with an error
    std::uint64_t orphans =
        0;  ///< late frames of dead sessions and unknown ids: normal after a detach
    std::uint64_t garbage = 0;  ///< frames of the runtime that are no CDP
    std::uint64_t resumed = 0;  ///< times that everybody was restored
    std::uint64_t lost = 0;     ///< commands in flight at a loss, answered with an error
    std::uint64_t again = 0;    ///< the others, sent again
  };
  [[nodiscard]] Counts const& counts() const { return counts_; }
  [[nodiscard]] std::size_t clients() const { return clients_.size(); }
  [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }
  [[nodiscard]] std::size_t pending() const { return pending_.size(); }

 private:
  struct Client {
    Session* root = nullptr;  // none: the attach is on its way, or the target is gone
    bool page = false;
    Flow flow{};
    std::string target;             ///< of a page client
    std::vector<std::string> held;  ///< commands that wait for a connection
  };
  /// A command whose answer we look at, or that may be sent again.
  struct Kept {
    enum class Use : std::uint8_t { state, attach, context, frames, again };
    Use use = Use::again;
    Trait trait;
    ClientId client{};
    std::int32_t client_id = 0;
    std::uint64_t session = 0;
    std::string method;
    std::string params;
  };
  /// A reply on its way in pieces.
  struct Pieces {
    std::int32_t id = 0;     // upstream
    ClientId to{};           // ourselves: nobody
    std::size_t skip = 0;    // of its first piece, sent anew already
    std::uint64_t left = 0;  // bytes that are owed to the client
    std::string tail;        // how Chrome will end it
    std::string member;      // its session, as the client knows it; empty: of a root
    std::string held_back;
    JsonEnding ending;
  };
  struct Resuming {
    OnAnswer done;
    std::size_t open = 0;  ///< calls of ours without an answer
    std::string failure;
  };

  /// On a session; on the control session when it is null.
  void call_on(Session const* session, std::string_view method, std::string_view params,
               OnAnswer answer);
  /// An event of ours: `event` lacks its final brace.
  void tell(Session const& session, std::string_view event);
  void hold(ClientId who, std::string_view frame);
  [[nodiscard]] bool goes_on_while_paused(Rule rule) const;
  [[nodiscard]] bool is_held(ClientId who, Rule rule) const;
  [[nodiscard]] std::optional<std::string> without_dispose_flag(std::string_view frame,
                                                                Command const& command) const;
  [[nodiscard]] std::optional<std::string> with_wire_session(std::string_view frame,
                                                             Command const& command) const;
  void keep(std::int32_t id, Rule rule, Command const& command, Session const& session);
  void answered(Kept const& kept, std::string_view frame);
  [[nodiscard]] static bool is_remembered(std::string_view method);
  /// False: the client is not to hear of it.
  [[nodiscard]] bool remember(std::string_view method, Session& session, std::string_view params);
  void context_left(std::string const& context);

  // Resuming, in order.
  void check_browser();
  void find_targets();
  void restore_roots();
  void restore(Session& session);
  /// True: there was something to tell.
  [[nodiscard]] bool catch_up(Session& session, std::string_view frame_tree);
  void say_again(Session& session);
  void say(Session& session, std::string_view method, std::string_view params);
  void said(std::uint64_t number, std::string_view method, Answer const& answer);
  void report_missing(Session& session);
  void attach_next(Session& parent);
  [[nodiscard]] bool take_back(Session& parent, std::string_view wire, std::string_view target,
                               bool waiting);
  /// A call of ours without whose answer nobody is restored.
  void step(Session const* session, std::string_view method, std::string_view params,
            OnAnswer answer);
  void step_done();
  void settle();
  void send_again();
  void let_go_of_held();
  void report_lost(Session& session);
  void drop_lost(std::vector<std::uint64_t> const& numbers);
  void refuse(ClientId who, std::string const& reply);
  /// `id` is the command's upstream id.
  void take_note_inside(ClientId who, std::string_view params, std::int32_t id);
  void take_note(Rule rule, Session const& session, Command const& command, std::int32_t id);
  /// False: the client is not to hear of it.
  [[nodiscard]] bool take_note(std::string_view method, Session& session, std::string_view frame);
  /// The command's upstream id.
  std::int32_t forward(ClientId who, Client& client, std::string_view frame, Command const& command,
                       Session const& session);
  /// It needs no answer any more.
  void settle_flow(Pending const& pending);
  void put_piece(std::string_view bytes);
  void break_off_pieces();
  void forget_pieces();
  void on_reply(std::string_view frame, UpstreamMessage const& message);
  void on_late_reply(std::string_view frame, UpstreamMessage const& message);
  void on_event(std::string_view frame, UpstreamMessage const& message);
  void on_control_event(std::string_view method, std::string_view frame);
  void on_root_detached(std::string_view params);
  /// False: its client knows it already.
  [[nodiscard]] bool adopt_child(Session& parent, std::string_view params);
  void drop_tree(Session& top);
  void set_again(std::vector<Downloads::Setting> const& settings);

  MuxOut& out_;
  MuxOptions options_;
  PendingTable pending_;
  LatePending behind_detach_;  // on sessions that went meanwhile
  Sessions sessions_;
  std::unordered_map<ClientId, Client> clients_;
  std::optional<Pieces> pieces_;
  std::unordered_map<std::int32_t, OnAnswer> calls_;
  Discovery discovery_;
  Holds holds_;
  Downloads downloads_;
  std::vector<Downloads::Setting> to_set_again_;  // by what drop_tree() removed
  Counts counts_;

  std::unordered_map<std::int32_t, Kept> kept_;  // by upstream id
  std::vector<Kept> again_;
  std::unordered_map<std::string, ClientId> contexts_;  // that we dispose of
  std::vector<std::string> contexts_left_;              // while there was no connection
  std::set<std::string> browser_contexts_;              // all we have heard of, to know a stray one
  std::string default_context_;
  bool context_in_doubt_ = false;
  bool suspended_ = false;
  std::optional<Meanwhile> paused_;
  std::function<void()> when_quiet_;
  std::uint64_t epoch_ = 0;  // of the connection
  std::optional<Resuming> resuming_;
  std::size_t unbound_ = 0;
  std::size_t held_bytes_ = 0;
};

}  // namespace bridge::cdp
