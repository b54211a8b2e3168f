#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"

namespace bridge {

/// What the daemon has taken on for one bridge and must not forget. Everything is empty at first.
struct Holding {
  std::string creating;            ///< the owner tag of a create that has no answer yet
  RuntimeId runtime;               ///< the one it created, starts or has started
  std::string starting;            ///< the Idempotency-Key of a start that has no answer yet
  RunId run;                       ///< open, as far as is known
  bool ours = false;               ///< this daemon, or one before it, started that run
  std::set<std::string> contexts;  ///< browser contexts of that run that nobody else disposes of
  std::uint16_t port = 0;          ///< where clients reach the bridge; 0: not known
  std::string path;                ///< of its browser, "/devtools/browser/..."
  std::string released;  ///< by a user's word: until when, see Happening; empty: it is not

  bool operator==(Holding const&) const = default;
};

/// One thing that happened to a holding. The names are those of the journal's records.
struct Happening {
  enum class Kind : std::uint8_t {
    address,       ///< `port`, `text` is the path
    creating,      ///< `text` is the tag
    created,       ///< `runtime`
    starting,      ///< `runtime`, `text` is the key
    started,       ///< `runtime`, `run`, `ours`
    ended,         ///< the run is over, or left to itself
    context,       ///< `text`
    context_gone,  ///< `text`
    released,      ///< `text`: until then, in seconds since 1970, or "acquire" without an end
    taken_back,    ///< it is not released any more
    dropped,       ///< the bridge holds nothing any more
  };
  Kind kind{};
  std::string bridge;
  RuntimeId runtime;
  RunId run;
  bool ours = false;
  std::string text;
  std::uint16_t port = 0;
};

/// What the daemon holds, by bridge: the sum of all that happened. Pure.
class Holdings {
 public:
  void apply(Happening const& what);
  /// A record of the journal; one of a kind that we do not know changes nothing. False then.
  bool apply(std::string_view record);
  [[nodiscard]] std::map<std::string, Holding> const& all() const { return all_; }
  /// Empty for a bridge that holds nothing.
  [[nodiscard]] Holding const& of(std::string const& bridge) const;
  /// The fewest records that lead to the same.
  [[nodiscard]] std::vector<std::string> records() const;

 private:
  std::map<std::string, Holding> all_;
};

/// As it stands in the journal: a JSON object.
[[nodiscard]] std::string to_record(Happening const& what);

}  // namespace bridge
