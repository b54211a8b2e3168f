#include "local/faults.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <vector>

namespace bridge::local {
namespace {

constexpr std::int64_t kCountMax = 1'000'000;
constexpr double kDelayMax = 600;

// The code that each status has when nobody names one.
std::string_view usual_code(unsigned status) {
  switch (status) {
    case 401:
      return "auth.invalid";
    case 402:
      return "browser.concurrent_quota_exceeded";
    case 403:
      return "auth.forbidden";
    case 404:
      return "request.not_found";
    case 409:
      return "runtime.controller_busy";
    case 429:
      return "rate_limited";
    case 500:
      return "server.error";
    case 503:
      return "runtime.host_unavailable";
    default:
      return status < 500 ? "request.invalid" : "server.error";
  }
}

/// Reads members of one object; the first that is wrong is the problem.
class Members {
 public:
  Members(Json const& object, std::string path) : object_(object), path_(std::move(path)) {}

  std::optional<std::string> text(char const* name) {
    auto const* const value = find(name, &Json::is_string, "a string");
    return value ? std::optional(value->get<std::string>()) : std::nullopt;
  }
  std::optional<std::int64_t> whole(char const* name, std::int64_t least, std::int64_t most) {
    auto const* const value = find(name, &Json::is_number_integer, "a whole number");
    if (value == nullptr) return std::nullopt;
    auto const number = value->get<std::int64_t>();
    if (number < least || number > most)
      complain(name, fmt::format("a whole number from {} to {}", least, most));
    return number;
  }
  std::optional<double> number(char const* name, double most) {
    auto const* const value = find(name, &Json::is_number, "a number");
    if (value == nullptr) return std::nullopt;
    auto const number = value->get<double>();
    if (number < 0 || number > most) complain(name, fmt::format("a number from 0 to {}", most));
    return number;
  }
  /// Every member must be known: a fault that does not do what was meant helps nobody.
  void only(std::initializer_list<std::string_view> known) {
    for (auto const& [name, value] : object_.items())
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        problem_ =
            Problem::invalid(path_ + name, fmt::format("{}{} is not known here; known are {}.",
                                                       path_, name, fmt::join(known, ", ")));
      }
  }
  [[nodiscard]] std::optional<Problem> const& problem() const { return problem_; }

 private:
  Json const* find(char const* name, bool (Json::*fits)() const noexcept, std::string_view what) {
    auto const found = object_.find(name);
    if (found == object_.end()) return nullptr;
    if (((*found).*fits)()) return &*found;
    complain(name, what);
    return nullptr;
  }
  void complain(std::string_view name, std::string_view what) {
    if (!problem_)
      problem_ = Problem::invalid(path_ + std::string(name),
                                  fmt::format("{}{} must be {}.", path_, name, what));
  }

  Json const& object_;
  std::string path_;
  std::optional<Problem> problem_;
};

bool fits(std::optional<std::string> const& wanted, std::string_view given) {
  return !wanted || *wanted == given;
}

// Whether a call of this path template can have a path that begins with `wanted`.
bool can_begin(std::string_view path, std::string_view wanted) {
  auto const form = split_path(path);
  auto const given = split_path(wanted);
  if (given.empty() || given.size() > form.size()) return false;
  for (std::size_t i = 0; i < given.size(); ++i) {
    bool const open = form[i].starts_with('{');
    bool const last = i + 1 == given.size();
    if (open   ? given[i].empty() && !last
        : last ? !form[i].starts_with(given[i])
               : form[i] != given[i])
      return false;
  }
  return true;
}

// A path as it is sent: what no request's path has in it would never be found there.
bool is_path(std::string_view text) {
  return text.starts_with('/') && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return c > ' ' && c < 0x7f &&
                  std::string_view("?#{}[]*\\\"<>^`|").find(char(c)) == std::string_view::npos;
         });
}

/// What of a fault's match no operation has.
class Matching {
 public:
  explicit Matching(std::span<Route const> routes) {
    for (auto const& route : routes)
      if (!route.path.starts_with("/_local/")) left_.push_back(route);
  }

  std::optional<Problem> check(Fault const& fault) {
    keep(fault.operation, "operation", "the name of an operation, like runtimes.start",
         [](Route const& route, std::string_view wanted) { return route.operation == wanted; });
    keep(fault.method, "method", "a method of such a call, in capitals",
         [](Route const& route, std::string_view wanted) { return route.method == wanted; });
    keep(fault.path, "path", "what the path of such a call begins with, like /v1/runtimes/",
         [](Route const& route, std::string_view wanted) {
           return is_path(wanted) && can_begin(route.path, wanted);
         });
    keep(fault.runtime, "runtimeId", "absent: such a call names no runtime",
         [](Route const& route, std::string_view) {
           return route.path.find("{runtimeId}") != std::string_view::npos;
         });
    return std::move(problem_);
  }

 private:
  template <class Has>
  void keep(std::optional<std::string> const& wanted, std::string_view name, std::string_view what,
            Has has) {
    if (problem_ || !wanted) return;
    std::erase_if(left_, [&](Route const& route) { return !has(route, *wanted); });
    if (left_.empty())
      problem_ = Problem::invalid(fmt::format("match.{}", name),
                                  fmt::format("match.{} must be {}.", name, what));
  }

  std::vector<Route> left_;
  std::optional<Problem> problem_;
};

}  // namespace

Outcome<Fault> Faults::add(Json const& body, std::span<Route const> routes) {
  if (faults_.size() >= kMax)
    return Problem(409, "local.too_many_faults", "There are too many faults.",
                   "DELETE /_local/faults forgets them.");
  Fault fault;
  Members members(body, "");
  // Not endRun, which is done at once and not kept; who asks what there is means it, too.
  members.only({"match", "status", "code", "retryAfterSeconds", "delaySeconds", "cutAfterFrames",
                "endRun", "count"});
  auto const match = body.value("match", Json::object());
  if (!match.is_object()) return Problem::invalid("match", "match must be an object.");
  Members matching(match, "match.");
  matching.only({"operation", "method", "path", "runtimeId"});
  fault.operation = matching.text("operation");
  fault.method = matching.text("method");
  fault.path = matching.text("path");
  fault.runtime = matching.text("runtimeId");
  auto const status = members.whole("status", 400, 599);
  fault.code = members.text("code").value_or(
      std::string(usual_code(static_cast<unsigned>(status.value_or(0)))));
  fault.retry_after = members.whole("retryAfterSeconds", 0, 3600);
  auto const delay = members.number("delaySeconds", kDelayMax);
  fault.cut_after = members.whole("cutAfterFrames", 0, kCountMax);
  fault.left = members.whole("count", 1, kCountMax).value_or(1);
  if (matching.problem()) return *matching.problem();
  if (members.problem()) return *members.problem();
  if (status) fault.status = static_cast<unsigned>(*status);
  fault.delay =
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(delay.value_or(0)));
  if (!status && !delay && !fault.cut_after)
    return Problem::invalid("status",
                            "A fault needs status, delaySeconds, cutAfterFrames or endRun.");
  if (fault.cut_after && (status || delay))
    return Problem::invalid("cutAfterFrames", "cutAfterFrames is a fault of its own.");
  if (!fault.cut_after)
    if (auto problem = Matching(routes).check(fault)) return std::move(*problem);
  if (fault.cut_after && (fault.operation || fault.method || fault.path))
    return Problem::invalid(fault.operation ? "match.operation"
                            : fault.method  ? "match.method"
                                            : "match.path",
                            "A CDP connection is no call: cutAfterFrames takes match.runtimeId.");
  fault.id = fmt::format("fault_{}", ++last_);
  faults_.push_back(fault);
  return fault;
}

Json fault_view(Fault const& fault) {
  auto match = Json::object();
  if (fault.operation) match["operation"] = *fault.operation;
  if (fault.method) match["method"] = *fault.method;
  if (fault.path) match["path"] = *fault.path;
  if (fault.runtime) match["runtimeId"] = *fault.runtime;
  Json view{{"id", fault.id}, {"match", match}, {"count", fault.left}};
  if (fault.status) view["status"] = *fault.status;
  if (fault.status) view["code"] = fault.code;
  if (fault.retry_after) view["retryAfterSeconds"] = *fault.retry_after;
  if (fault.delay > Duration::zero())
    view["delaySeconds"] = std::chrono::duration<double>(fault.delay).count();
  if (fault.cut_after) view["cutAfterFrames"] = *fault.cut_after;
  return view;
}

Json Faults::view() const {
  auto list = Json::array();
  for (auto const& fault : faults_) list.push_back(fault_view(fault));
  return list;
}

template <class Fits>
std::optional<Fault> Faults::take(Fits fits) {
  for (auto fault = faults_.begin(); fault != faults_.end(); ++fault) {
    if (!fits(*fault)) continue;
    auto const taken = *fault;
    if (--fault->left == 0) faults_.erase(fault);
    return taken;
  }
  return std::nullopt;
}

std::optional<Fault> Faults::take_call(FaultTarget const& target) {
  return take([&](Fault const& fault) {
    return !fault.cut_after && fits(fault.operation, target.operation) &&
           fits(fault.method, target.method) && fits(fault.runtime, target.runtime) &&
           (!fault.path || target.path.starts_with(*fault.path));
  });
}

std::optional<std::int64_t> Faults::take_cut(std::string_view runtime) {
  auto const taken =
      take([&](Fault const& fault) { return fault.cut_after && fits(fault.runtime, runtime); });
  return taken ? taken->cut_after : std::nullopt;
}

Problem problem_of(Fault const& fault) {
  Problem problem(fault.status.value_or(500), fault.code, "This failure was asked for.",
                  "DELETE /_local/faults ends it.");
  problem.details = to_text(Json{{"fault", fault.id}});
  if (fault.retry_after)
    problem.headers.emplace_back("Retry-After", std::to_string(*fault.retry_after));
  return problem;
}

}  // namespace bridge::local
