#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <string>

#include "local/errors.hpp"
#include "local/json.hpp"
#include "local/routes.hpp"
#include "net/asio.hpp"

namespace bridge::local {

/// What goes wrong on purpose, so that users can see how their programs take it. Set by
/// POST /_local/faults, gone with the process.
///
/// A fault is of one of three sorts: of a REST call (`status`, `delaySeconds`, or both), of a CDP
/// connection (`cutAfterFrames`), of a run (`endRun`, done at once and not kept).
struct Fault {
  std::string id;
  // Which calls or connections: all that are given must fit.
  std::optional<std::string> operation;  ///< "runtimes.start"
  std::optional<std::string> method;
  std::optional<std::string> path;     ///< what the path begins with
  std::optional<std::string> runtime;  ///< its id: in the path, or whose CDP it is

  std::optional<unsigned> status;
  std::string code;
  std::optional<std::int64_t> retry_after;  ///< seconds
  Duration delay{};
  std::optional<std::int64_t> cut_after;  ///< frames of the browser
  std::int64_t left = 1;                  ///< how often still
};

/// A REST call, for a fault to fit or not.
struct FaultTarget {
  std::string_view operation;
  std::string_view method;
  std::string_view path;
  std::string_view runtime;
};

class Faults {
 public:
  static constexpr std::size_t kMax = 100;

  /// `body` is a fault as users write it:
  /// {match: {operation?, method?, path?, runtimeId?}, status?, code?, retryAfterSeconds?,
  ///  delaySeconds?, cutAfterFrames?, count?}. 400 names the field, also of a match that none of
  /// `routes` has: such a fault would never happen.
  [[nodiscard]] Outcome<Fault> add(Json const& body, std::span<Route const> routes);
  /// All there are, as JSON.
  [[nodiscard]] Json view() const;
  void clear() { faults_.clear(); }

  /// The first fault of a call that fits; it has happened once more.
  [[nodiscard]] std::optional<Fault> take_call(FaultTarget const& target);
  /// After how many frames this new connection to the runtime is cut.
  [[nodiscard]] std::optional<std::int64_t> take_cut(std::string_view runtime);

 private:
  template <class Fits>
  std::optional<Fault> take(Fits fits);

  std::list<Fault> faults_;
  std::uint64_t last_ = 0;
};

/// The error that a fault with a status stands for.
[[nodiscard]] Problem problem_of(Fault const& fault);

[[nodiscard]] Json fault_view(Fault const& fault);

}  // namespace bridge::local
