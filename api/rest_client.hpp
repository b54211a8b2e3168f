#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "api/retry.hpp"
#include "base/log.hpp"
#include "net/http_client.hpp"

namespace bridge::api {

/// A server of the API and the key for it.
struct Server {
  net::Url base;  ///< its target ends in "/v1"
  Secret key;

  /// "/v1" is appended to `base_url` unless it ends in it. Errors: an unusable base URL or key, and
  /// a `local_` key for a host that is not loopback. Warns when the key would travel unencrypted.
  [[nodiscard]] static Result<Server> make(std::string_view base_url, Secret key);
  /// A request with the headers that every request has.
  [[nodiscard]] net::HttpRequest request(std::string method) const;
};

struct RestOptions {
  std::string base_url = "https://api.bctrl.ai/v1";  ///< see Server::make
  Secret key;
  Duration timeout = 30s;         ///< one call with its retries
  Duration start_timeout = 120s;  ///< a start, which answers when the browser is usable
  net::HttpHeaders headers;       ///< sent with every request besides those it has anyway
  std::uint64_t retry_seed = 1;
};

/// Calls of the API over HTTPS, repeated where that does no harm. Follows no redirect, because the
/// key would travel along.
class RestClient {
 public:
  /// One request of the contract, before the base URL and the headers every request has.
  struct Call {
    std::string method;
    std::string path;  ///< below the base: "/runtimes/rt_1/start"
    std::string body;
    std::string idempotency_key;
    /// An answer that asks for a real wait is handed on: the caller shows that it waits.
    bool waits_itself = false;
  };
  struct Answer {
    unsigned status = 0;
    std::string body;
  };

  RestClient(net::Loop& loop, net::Reach reach, Server server, RestOptions const& options);

  /// The answer to a call, retries included, or the error it ended with.
  awaitable<ApiResult<Answer>> send(Call call, Clock::time_point deadline);
  /// A call without an idempotency key, within the timeout.
  awaitable<ApiResult<Answer>> ask(std::string method, std::string path, std::string body = {});

  /// A wait of the API: POST to `path`, which answers within `limit`, sent as `timeoutSeconds`.
  awaitable<ApiResult<Answer>> wait(std::string path, std::chrono::seconds limit);

  [[nodiscard]] Duration timeout() const { return timeout_; }

 private:
  awaitable<ApiResult<Answer>> attempt(Call const& call, Duration limit);

  Server server_;
  Duration timeout_;
  net::HttpHeaders headers_;
  net::HttpClient http_;
  RetryDelays delays_;
  Log log_{"api"};
};

/// What a reply that is not a success says.
[[nodiscard]] ApiError reply_error(net::HttpReply const& reply);

/// What `read` makes of an answer; an answer it cannot read keeps its status.
template <class T>
ApiResult<T> read_with(ApiResult<RestClient::Answer> const& answer,
                       ApiResult<T> (*read)(std::string_view)) {
  if (!answer) return answer.error();
  auto value = read(answer->body);
  if (value) return value;
  auto error = value.error();
  error.status = answer->status;
  return error;
}

}  // namespace bridge::api
