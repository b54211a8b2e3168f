#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/ids.hpp"
#include "cdp/responses.hpp"
#include "cdp/session_state.hpp"

namespace bridge::cdp {

/// A flat CDP session and the client it belongs to. It outlives the upstream connection: its client
/// knows it by the id that Chrome gave it first, the connection of the moment by another.
struct Session {
  std::uint64_t number = 0;  ///< never used again, unlike a pointer
  std::string id;            ///< as its client knows it
  std::string wire;          ///< as Chrome knows it now; empty: not on this connection (yet)
  ClientId client{};
  std::string target;
  Session* parent = nullptr;  ///< none: a root
  std::vector<Session*> children;
  std::string member;  ///< `,"sessionId":"<wire>"`, ready to be spliced in

  // What a successor needs. Kept only by a mux that survives its connection.
  SessionState state;
  FrameTree frames;
  Responses responses;
  std::string attach_method;  ///< the client's command that made it; empty: Chrome, by itself
  std::string attach_params;
  bool flat = true;                         ///< else its messages are text inside its parent's
  bool resumed = false;                     ///< told to run if it waits for a debugger
  double last_console = 0;                  ///< time of the last console message or log entry
  std::unordered_set<std::string> targets;  ///< that its client has heard of

  // While it is being restored.
  bool restoring = false;
  std::size_t unsaid = 0;       ///< commands of ours that say its state again and have no answer
  std::uint64_t attaching = 0;  ///< number of the child whose attach is on its way
  std::unordered_set<std::string> missing;  ///< of `targets`, those not seen again

  /// `"..."` with quotes, of the wire.
  [[nodiscard]] std::string_view quoted() const;
  [[nodiscard]] bool renamed() const { return wire != id; }
};

/// Who owns which session. Chrome takes any live session id from the one connection, so this table
/// is the only barrier between clients. Sessions form trees: browser, tab, page, frame or worker,
/// worker.
class Sessions {
 public:
  /// A session id seen again is ignored and yields the known one when its owner is the same, else
  /// nullptr.
  Session* add(std::string_view id, ClientId client, Session* parent, std::string_view target);
  [[nodiscard]] Session* find(std::string_view id) const;
  /// By the id that Chrome knows.
  [[nodiscard]] Session* find_wire(std::string_view wire) const;
  /// Constant time, as find().
  [[nodiscard]] Session* find_number(std::uint64_t number) const;
  /// The session goes by `wire` on the new connection.
  void bind(Session& session, std::string_view wire);
  /// No session is on any connection.
  void unbind_all();
  /// Every session, in the order they were made.
  [[nodiscard]] std::vector<Session*> in_order() const;
  /// The id of child session `number`; empty for roots, which clients do not know by name.
  [[nodiscard]] std::string_view child_id(std::uint64_t number) const;
  /// Removes a session and all below it; `each` sees every one before it goes.
  void remove_tree(Session& top, std::function<void(Session const&)> const& each);
  [[nodiscard]] std::size_t size() const { return all_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  std::unordered_map<std::string, std::unique_ptr<Session>, Hash, std::equal_to<>> all_;
  std::unordered_map<std::string, Session*, Hash, std::equal_to<>> renamed_;  // by wire
  std::unordered_map<std::uint64_t, Session*> numbers_;
  std::uint64_t last_number_ = 0;
};

}  // namespace bridge::cdp
