#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bridge::cdp {

/// What Browser.getVersion said.
struct BrowserVersion {
  std::string product;  ///< "Chrome/156.0.8078.79"
  std::string protocol = "1.3";
  std::string revision;  ///< "@" and 40 hex digits
  std::string user_agent;
  std::string js;
  [[nodiscard]] bool known() const { return !product.empty(); }
};

/// One target as Target.getTargets describes it.
struct TargetInfo {
  std::string id;
  std::string type;
  std::string title;
  std::string url;
  std::string parent;  ///< of a frame in a process of its own
  std::string tab;     ///< of a page: the tab target that was created for it, where we saw it
  std::uint64_t activity = 0;
};

/// The list of targets, from discovery events, and the JSON of Chrome's /json routes made from it.
class Discovery {
 public:
  /// `result` is the raw object of a Browser.getVersion reply.
  void set_version(std::string_view result);
  [[nodiscard]] BrowserVersion const& version() const { return version_; }

  /// `params` of Target.targetCreated, targetInfoChanged, targetDestroyed; other methods change
  /// nothing.
  void on_event(std::string_view method, std::string_view params);
  /// `result` is the raw object of a Target.getTargets reply. It says what no event does: a title
  /// that changed after the page had loaded. Which targets there are is left to the events.
  void refresh(std::string_view result);
  /// Chrome lists the most recently used target first.
  void note_activity(std::string_view target);
  void clear_targets() { targets_.clear(); }

  [[nodiscard]] TargetInfo const* find(std::string_view target) const;
  [[nodiscard]] std::size_t size() const { return targets_.size(); }

  /// Bodies as Chrome writes them: three-space JSON, `authority` is the Host header as received.
  [[nodiscard]] std::string version_json(std::string_view authority,
                                         std::string_view browser_path) const;
  [[nodiscard]] std::string list_json(std::string_view authority, bool with_tabs) const;
  [[nodiscard]] std::string target_json(TargetInfo const& target, std::string_view authority) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  void pair_with_tab(TargetInfo& created);
  [[nodiscard]] std::vector<TargetInfo const*> with_their_tabs(
      std::vector<TargetInfo const*> const& pages) const;
  [[nodiscard]] std::string entry(TargetInfo const& target, std::string_view authority) const;

  BrowserVersion version_;
  std::unordered_map<std::string, TargetInfo, Hash, std::equal_to<>> targets_;
  std::string newest_tab_;  // waits for its page
  std::uint64_t clock_ = 0;
};

}  // namespace bridge::cdp
