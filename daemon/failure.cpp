#include "daemon/failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/predicate.hpp>
#include <stdexcept>

namespace bridge {
namespace {

constexpr std::array kKinds{
    FailureKind{"API_UNREACHABLE", "The BCTRL API did not answer, or answered that it is down.",
                "Check the network and the proxy settings, then attach again; `bctrl-bridge "
                "status` shows the last try.",
                503, exit_code::unavailable},
    FailureKind{"ATTACH_TIMEOUT", "The runtime was not ready within attach_timeout.",
                "Attach again, or raise attach_timeout of the bridge.", 503, exit_code::timed_out},
    FailureKind{"AUTH", "The API refused the key.",
                "Set BCTRL_API_KEY to a valid key, or name a key file with api.key_file.", 503,
                exit_code::authentication},
    FailureKind{"BINARY", "A client sent a binary message; CDP is text.",
                "Send commands as text messages.", 400, exit_code::failure},
    FailureKind{"BUDGET", "The bridge's budget for this day or month is used up.",
                "Wait for the next day or month (UTC), or raise the bridge's budget; `bctrl-bridge "
                "usage` shows what has used it.",
                503, exit_code::quota},
    FailureKind{"CONFIG_INVALID",
                "The new configuration cannot be taken: what ran goes on as it was.",
                "Correct what the message names, then `bctrl-bridge reload`.", 400,
                exit_code::configuration},
    FailureKind{"CONTROLLER_BUSY",
                "Somebody else drives the runtime: a runtime takes one controller at a time.",
                "Wait until the other CDP client or hosted invocation ends, or stop it.", 503,
                exit_code::controller_busy},
    FailureKind{"EXCLUSIVE", "Another client has the bridge to itself (clients: exclusive).",
                "Wait until it leaves, or set clients: shared for the bridge.", 503,
                exit_code::failure},
    FailureKind{"IDLE_STOP", "Nobody used the runtime for idle_stop, so it was stopped.",
                "Attach again: the bridge starts it anew.", 503, exit_code::failure},
    FailureKind{"LAST_CLIENT",
                "The last client had left, and on_last_client says that the runtime stops then.",
                "Attach again: the bridge starts it anew.", 503, exit_code::failure},
    FailureKind{"MAX_RUN", "The run had gone on for max_run, so it was ended.",
                "Attach again: the bridge starts another. Raise max_run if runs need longer.", 503,
                exit_code::failure},
    FailureKind{"NOT_FOUND", "The daemon does not know this control request.",
                "Run the daemon and the command line from the same version.", 404,
                exit_code::failure},
    FailureKind{"NO_PLATFORM", "The bridge has a fixed upstream: no platform is behind it.",
                "Give the bridge a runtime instead, or use the browser directly.", 400,
                exit_code::usage},
    FailureKind{"NO_SUCH_BRIDGE", "No bridge of this name is configured.",
                "`bctrl-bridge ls` lists the names.", 404, exit_code::usage},
    FailureKind{"PORT_UNAVAILABLE", "The port that a bridge is to have cannot be listened on.",
                "Stop the program that has it, or set another port (port: 0 takes any free one).",
                409, exit_code::failure},
    FailureKind{"QUOTA", "The plan, the number of running browsers or the credits are used up.",
                "Stop another runtime or raise the plan's limits.", 503, exit_code::quota},
    FailureKind{"RATE_LIMITED", "The API asks to be asked less often.",
                "Attach again a little later; the bridge waits as the API asks, while "
                "attach_timeout lasts.",
                503, exit_code::unavailable},
    FailureKind{"REFUSED", "The platform refused what it was asked to do in the runtime.",
                "Read the message: it says what is wrong with the request.", 400,
                exit_code::failure},
    FailureKind{
        "RUNTIME_NOT_FOUND", "The configured runtime does not exist for this key.",
        "Check runtime.id or runtime.name of the bridge and which account the key belongs to.", 503,
        exit_code::failure},
    FailureKind{"RUN_OVER", "The run that the clients were attached to has ended.",
                "Attach again: the bridge starts another.", 503, exit_code::unavailable},
    FailureKind{"SLOW_READER", "The client did not read what it was sent and its queue was full.",
                "Read faster, ask for less, or raise limits.client_queue.", 503,
                exit_code::failure},
    FailureKind{
        "START_FAILED", "The runtime could not be started.",
        "Read the message; with the local backend, see whether the disk is full, and run chromium "
        "by hand to see what it says.",
        503, exit_code::unavailable},
    FailureKind{"STOPPED", "The runtime was stopped by the user.",
                "Attach again, or `bctrl-bridge up`.", 503, exit_code::failure},
    FailureKind{"STOPPING", "The daemon, or this bridge, is shutting down.",
                "Attach again when it is back; `bctrl-bridge ls` lists the bridges that there are.",
                503, exit_code::unavailable},
    FailureKind{"TOO_MANY_CLIENTS", "The bridge has as many clients as limits.clients allows.",
                "Close a client or raise limits.clients.", 503, exit_code::failure},
    FailureKind{"UPSTREAM_LOST", "The connection to the runtime ended.",
                "Attach again: the bridge connects anew.", 503, exit_code::unavailable},
    FailureKind{
        "UPSTREAM_REFUSED", "The runtime's CDP endpoint could not be opened.",
        "Attach again; when it stays, check that the runtime (or the `upstream` address) is alive.",
        503, exit_code::unavailable},
};

// The platform is there and says so; what it lacks is a browser, or room for one.
bool cannot_host(std::string_view code) {
  return code == "runtime.host_unavailable" || code == "run.browser_host_unavailable" ||
         code == "storage.unavailable";
}

}  // namespace

std::span<FailureKind const> failure_kinds() {
  return kKinds;
}

FailureKind const* find_failure(std::string_view code) {
  auto const at = std::find_if(kKinds.begin(), kKinds.end(), [code](FailureKind const& kind) {
    return boost::iequals(kind.code, code);
  });
  return at == kKinds.end() ? nullptr : &*at;
}

FailureKind const& Failure::kind() const {
  auto const* known = find_failure(code);
  if (known == nullptr) throw std::logic_error("failure code without a row: " + code);
  return *known;
}

std::string Failure::text() const {
  auto out = fmt::format("[{}] {}", code, message);
  if (!request_id.empty()) out += fmt::format(" (request {})", request_id);
  return out;
}

Failure failure_of(api::ApiError const& error, std::string_view doing) {
  std::string_view code = "START_FAILED";
  if (error.is_busy()) {
    code = "CONTROLLER_BUSY";
  } else if (error.is_auth()) {
    code = "AUTH";
  } else if (error.is_quota()) {
    code = "QUOTA";
  } else if (error.is_not_found()) {
    code = "RUNTIME_NOT_FOUND";
  } else if (cannot_host(error.code)) {
    code = "START_FAILED";
  } else if (error.status == 429) {
    code = "RATE_LIMITED";
  } else if (error.is_transport() || error.status >= 500) {
    code = "API_UNREACHABLE";
  }
  auto without_request = error;
  without_request.request_id.clear();  // text() adds it
  Failure out(code, fmt::format("{}: {}", doing, without_request.text()));
  out.request_id = error.request_id;
  if (error.is_busy() || error.status == 429 || error.status == 503)
    out.retry_after = error.retry_after;
  return out;
}

void throw_exception_from_error(Failure const& failure, boost::source_location const&) {
  throw std::runtime_error(failure.text());
}

}  // namespace bridge
