#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
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
    std::string context;  ///< browserContextId; empty: the default context
    std::string params;   ///< raw, as it was set
  };

  void set(Session const& session, std::string_view params);
  /// The session is gone. Yields what has to be set again, because the session had the last word.
  [[nodiscard]] std::vector<Setting> session_gone(Session const& session);
  [[nodiscard]] std::size_t size() const { return settings_.size(); }

 private:
  std::list<Setting> settings_;  // the last word of a context stands last
};

}  // namespace bridge::cdp
