#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cdp/sessions.hpp"

namespace bridge::cdp {

/// Who set what with Browser.setDownloadBehavior. Chrome obeys the last setter of a browser context
/// and forgets the setting when that session goes, instead of going back to the one before: the
/// earlier setter would lose its files. This remembers what to say again.
class Downloads {
 public:
  struct Setting {
    std::uint64_t session = 0;  ///< Session::number
    std::string session_id;
    std::string params;  ///< raw, as it was set
  };

  /// `params` names the context as browserContextId; without it, it is the default context.
  void set(Session const& session, std::string_view params);
  /// The session is gone. Yields what has to be set again, because the session had the last word.
  [[nodiscard]] std::vector<Setting> session_gone(Session const& session);
  /// The browser context is gone, and nothing of it can be set any more.
  void context_gone(std::string const& context);
  [[nodiscard]] std::size_t size() const { return places_.size(); }

 private:
  using Settings = std::list<Setting>;  // of one context; the last word stands last

  // A client may set thousands, and all of them go with it: nothing here looks through a list.
  std::unordered_map<std::string, Settings> contexts_;
  std::map<std::pair<std::uint64_t, std::string>, Settings::iterator> places_;  // session, context
};

}  // namespace bridge::cdp
