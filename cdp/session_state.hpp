#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cdp/effects.hpp"

namespace bridge::cdp {

/// What a client has told one session and Chrome has agreed to, in order: said again to a successor
/// it leads to the same state. Params are raw JSON, empty when there were none.
class SessionState {
 public:
  /// Beyond it a session cannot be restored: what it was told is too much to be kept.
  static constexpr std::size_t kBytesMax = 16ULL << 20;
  static constexpr std::size_t kEntriesMax = 4096;

  struct Said {
    std::string method;
    std::string params;
    std::string key;  ///< see Trait::key
  };

  /// Chrome has agreed to `method`; `result` is the raw object of its answer.
  void note(std::string_view method, Trait const& trait, std::string_view params,
            std::string_view result);

  [[nodiscard]] std::vector<Said> const& said() const { return said_; }
  /// The first of `method`; null when there is none.
  [[nodiscard]] Said const* find(std::string_view method) const;
  [[nodiscard]] bool has(std::string_view method) const { return find(method) != nullptr; }
  /// It cannot be said again.
  [[nodiscard]] bool overflowed() const { return overflowed_; }

 private:
  void keep(Said said, bool replaces);
  void undo(std::string_view method, std::string_view key);

  std::vector<Said> said_;
  std::size_t bytes_ = 0;
  bool overflowed_ = false;
};

/// The frames of one page as a client knows them, from Page's events.
class FrameTree {
 public:
  /// `params` of a Page event; others change nothing.
  void on_event(std::string_view method, std::string_view params);
  /// `result` of Page.getFrameTree, as the client got it.
  void learn(std::string_view result);
  /// A frame shows the document of `loader`.
  [[nodiscard]] bool has_document(std::string_view loader) const;
  /// Whether the client is told of documents' lifecycles.
  enum class Lifecycle : std::uint8_t { untold, told };
  /// What happened while nobody listened: the Page events that lead from what is known to `result`,
  /// each `{"method":...,"params":...` without the final brace. Nothing when nothing was known.
  [[nodiscard]] std::vector<std::string> catch_up(std::string_view result, Lifecycle lifecycle);

 private:
  struct Frame {
    std::string parent;
    std::string loader;
    std::string url;
    std::string raw;  // only of those just read
  };
  using Frames = std::map<std::string, Frame>;
  static void read(std::string_view tree, Frames& out, std::vector<std::string>& order);

  Frames frames_;
};

}  // namespace bridge::cdp
