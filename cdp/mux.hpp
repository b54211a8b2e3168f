#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "cdp/discovery.hpp"
#include "cdp/downloads.hpp"
#include "cdp/envelope.hpp"
#include "cdp/holds.hpp"
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
  /// The client asked to close the browser: it leaves, with close code 1000, after what was sent to
  /// it.
  virtual void client_leaves(ClientId who) = 0;
  /// The page endpoint's target is gone: end the socket as Chrome does, without a close frame.
  virtual void target_gone(ClientId who) = 0;
};

/// Routes CDP of many clients over one upstream connection. Knows ids, sessions and their owners;
/// knows nothing of sockets or time. One Mux per upstream connection: after a loss call
/// lose_upstream() and make a new one.
///
/// Every client gets a private session of the browser (or page) target, its root; the client never
/// sees its id.
class Mux {
 public:
  explicit Mux(MuxOut& out, std::int32_t first_id = 1) : out_(out), pending_(first_id) {}
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

  /// The client has joined and its target is still there.
  [[nodiscard]] bool has_root(ClientId who) const;

  /// One text frame of a client that has joined. Answers itself or forwards.
  void from_client(ClientId who, std::string_view frame);
  /// One text frame of the runtime.
  void from_upstream(std::string_view frame);

  /// A command of ours on the control session, for /json/new and its like.
  void call(std::string_view method, std::string_view params, OnAnswer answer);

  /// Answers every command in flight with an error, so that each has exactly one answer before
  /// sockets close.
  void lose_upstream();

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
  };
  [[nodiscard]] Counts const& counts() const { return counts_; }
  [[nodiscard]] std::size_t clients() const { return clients_.size(); }
  [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }
  [[nodiscard]] std::size_t pending() const { return pending_.size(); }

 private:
  struct Client {
    Session* root = nullptr;  // none: the attach is on its way, or the target is gone
    bool page = false;
  };

  /// On a session, or on the control session when there is none.
  void call_on(std::string_view session, std::string_view method, std::string_view params,
               OnAnswer answer);
  void refuse(ClientId who, std::string const& reply);
  /// `id` is the command's upstream id.
  void take_note_inside(ClientId who, std::string_view params, std::int32_t id);
  void take_note(Rule rule, Session const& session, Command const& command, std::int32_t id);
  /// False: the client is not to hear of it.
  [[nodiscard]] bool take_note(std::string_view method, Session& session, std::string_view frame);
  /// The command's upstream id.
  std::int32_t forward(ClientId who, std::string_view frame, Command const& command,
                       Session const& session);
  void on_reply(std::string_view frame, UpstreamMessage const& message);
  void on_late_reply(std::string_view frame, UpstreamMessage const& message);
  void on_event(std::string_view frame, UpstreamMessage const& message);
  void on_control_event(std::string_view method, std::string_view frame);
  void on_root_detached(std::string_view params);
  void adopt_child(Session& parent, std::string_view params);
  void drop_tree(Session& top);
  void set_again(std::vector<Downloads::Setting> const& settings);

  MuxOut& out_;
  PendingTable pending_;
  LatePending behind_detach_;  // on sessions that went meanwhile
  Sessions sessions_;
  std::unordered_map<ClientId, Client> clients_;
  std::unordered_map<std::int32_t, OnAnswer> calls_;
  Discovery discovery_;
  Holds holds_;
  Downloads downloads_;
  std::vector<Downloads::Setting> to_set_again_;  // by what drop_tree() removed
  Counts counts_;
};

}  // namespace bridge::cdp
