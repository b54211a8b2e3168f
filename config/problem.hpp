#pragma once

#include <boost/assert/source_location.hpp>
#include <string>
#include <vector>

#include "config/origin.hpp"

namespace bridge::config {

/// One thing wrong with the configuration. `what` says the way out and never holds a secret or a
/// variable's value.
struct Problem {
  Origin where;
  std::string what;

  /// "/x/config.yaml:3:7: what"
  [[nodiscard]] std::string text() const;
};

/// Everything wrong with the configuration, so that one run of `config check` tells it all.
class Problems {
 public:
  /// Of several problems at one place only the first is kept: the others follow from it.
  void add(Origin where, std::string what);
  /// Puts them into the order of the file.
  void sort();

  [[nodiscard]] bool empty() const { return list_.empty(); }
  [[nodiscard]] std::vector<Problem> const& list() const { return list_; }
  /// One problem a line, no newline at the end.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<Problem> list_;
  std::size_t left_out_ = 0;
};

/// boost::system::result asks for this when value() is called on Problems.
[[noreturn]] void throw_exception_from_error(Problems const& problems,
                                             boost::source_location const& where);

}  // namespace bridge::config
