#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace bridge::api {

// What BCTRL's REST API says, as plain values. Rules for all of them: ids are opaque; times are RFC
// 3339 text as the server wrote them; what the server left out or sent as null is empty; free-form
// JSON stays JSON text (`..._json`); enums are open, so a status is text and life_of() reads it.

/// Why a call failed. Holds no secret: what a server echoed is redacted when the error is made.
struct ApiError {
  unsigned status = 0;  ///< HTTP status; 0 when the server was not reached or not asked
  std::string code;  ///< stable and dotted; "network.error" and "api.error" are made on this side
  std::string reason_class;
  std::string message;
  std::string hint;
  std::string request_id;
  std::string details_json;  ///< an object, or empty
  std::optional<std::chrono::milliseconds> retry_after;

  /// One line for a person: "409 runtime.controller_busy: an invocation drives rt_1 (request
  /// req_7)".
  [[nodiscard]] std::string text() const;

  /// Somebody else drives the runtime.
  [[nodiscard]] bool is_busy() const;
  /// The key is missing, wrong or not allowed to.
  [[nodiscard]] bool is_auth() const;
  /// The plan, the concurrency limit or the credits are used up.
  [[nodiscard]] bool is_quota() const;
  [[nodiscard]] bool is_not_found() const { return status == 404; }
  /// No answer arrived: name resolution, TCP, TLS, a broken reply or a limit of ours.
  [[nodiscard]] bool is_transport() const { return status == 0 && code == "network.error"; }
};

template <class T>
using ApiResult = boost::system::result<T, ApiError>;

/// boost::system::result asks for this when value() is called on an error.
[[noreturn]] void throw_exception_from_error(ApiError const& error,
                                             boost::source_location const& where);

/// A transport failure as an ApiError: status 0, code "network.error".
[[nodiscard]] ApiError network_error(Error const& error);
/// An error made on this side of the wire.
[[nodiscard]] ApiError client_error(std::string code, std::string message);

/// What an open status enum means for us.
enum class Life {
  active,      ///< usable now
  ended,       ///< stopped, failed, ended, completed, archived: will not change by itself
  transition,  ///< anything else: look again later
};
[[nodiscard]] Life life_of(std::string_view status);

struct Whoami {
  std::string key_id;
  std::string email;
  std::string scope;  ///< organization or subaccount
  std::string organization_id;
  std::string subaccount_id;
  SpaceId default_space;
  std::string plan;
};

struct Space {
  SpaceId id;
  std::string name;
  std::string subaccount_id;
  std::string created_at;
  std::string updated_at;
};

/// A cloud browser. Lists leave config and metadata out; only a single read carries a connectUrl,
/// while active.
struct Runtime {
  RuntimeId id;
  SpaceId space;
  std::string name;
  std::string type;
  std::string status;
  RunId active_run;
  std::string created_at;
  std::string updated_at;
  std::string last_activity_at;
  std::string config_json;
  std::string metadata_json;
  Secret connect_url;  ///< ws or wss; http or https when the address is found by discovery
  std::string protocol;

  [[nodiscard]] Life life() const { return life_of(status); }
};

/// What a start answers. `connect_url` is never empty and stays the same for this run.
struct RuntimeStart {
  RuntimeId runtime;
  RunId run;
  std::string status;
  Secret connect_url;  ///< ws or wss; http or https when the address is found by discovery
  std::string protocol;
  bool started = false;  ///< this call opened the run; false also when the server does not say
  std::optional<Secret> webdriver_url;
  std::string expires_at;  ///< of connect_url; empty: it lives as long as the run
};

struct RuntimeStop {
  RuntimeId runtime;
  RunId run;
  std::string status;
  bool stopped = false;  ///< this call ended the run; false when it had ended before
};

/// One life of a runtime, from a start to its stop, idle timeout or crash.
struct Run {
  RunId id;
  RuntimeId runtime;
  SpaceId space;
  std::string status;
  std::string created_at;
  std::string started_at;
  std::string finished_at;
  std::optional<double> duration_seconds;
  std::optional<double> credits;  ///< as far as they are known; they may come after its end
  std::string failure_code;
  std::string failure_message;

  [[nodiscard]] bool ended() const {
    return !finished_at.empty() || life_of(status) == Life::ended;
  }
};

struct RunEvent {
  std::string id;
  std::string time;
  std::string type;
  std::string name;
  std::string status;
  std::string page_id;
  std::string context_id;
  std::optional<double> duration_seconds;
  std::string data_json;
};

/// What a wait answers: the thing as it is, and whether it has come to its end.
template <class T>
struct Waited {
  T value;
  bool ended = false;
  std::optional<std::chrono::milliseconds> retry_after;  ///< when to wait again, if not ended
};

template <class T>
struct Page {
  std::vector<T> data;
  std::string next_cursor;  ///< empty: the last page
};

}  // namespace bridge::api
