#pragma once

#include <cstdint>
#include <string_view>

namespace bridge::cdp {

/// What a command leaves behind: decides what becomes of it when the connection to the browser is
/// lost before its answer.
enum class Effect : std::uint8_t {
  beyond,   ///< may change a page or the browser: never sent twice
  session,  ///< changes its session only, which dies with the connection: said to the next one
  nothing,  ///< only reads: may be asked again
};

/// How a session's state is remembered, so that its successor can be put into the same.
enum class Keep : std::uint8_t {
  no,
  last,       ///< the last of the method counts
  by_param,   ///< the last for each value of a parameter, or of all of them
  by_result,  ///< every one; known afterwards by what the answer called it
  undo,       ///< takes back what another method said
  undo_all,   ///< a domain's disable: takes back whatever the domain was told
};

struct Trait {
  Effect effect = Effect::beyond;
  Keep keep = Keep::no;
  std::string_view key;     ///< the parameter, or the member of the result; empty: all parameters
  std::string_view undoes;  ///< the method, for Keep::undo
};

/// Chrome 156's commands. Unknown ones count as beyond; every domain's enable and disable is known.
[[nodiscard]] Trait trait_of(std::string_view method);

}  // namespace bridge::cdp
