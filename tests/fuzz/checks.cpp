#include "tests/fuzz/checks.hpp"

#include <stdexcept>
#include <string>

namespace bridge::fuzz {

void require(bool holds, std::string_view what) {
  if (!holds) throw std::logic_error("does not hold: " + std::string(what));
}

}  // namespace bridge::fuzz
