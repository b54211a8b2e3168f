#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"

namespace bridge::cdp {

/// A flat CDP session on the upstream connection and the client it belongs to.
struct Session {
  std::uint64_t number = 0;  ///< never used again, unlike a pointer
  std::string id;            ///< Chrome's
  ClientId client{};
  std::string target;
  Session* parent = nullptr;  ///< none: a root
  std::vector<Session*> children;
  std::string member;  ///< `,"sessionId":"..."`, ready to be spliced in

  /// `"..."` with quotes.
  [[nodiscard]] std::string_view quoted() const;
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
  /// The id of child session `number`; empty for roots, which clients do not know by name. Walks
  /// the table.
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
  std::uint64_t last_number_ = 0;
};

}  // namespace bridge::cdp
