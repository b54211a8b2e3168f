#include "local/cdp_connection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/scope_exit.hpp"

namespace bridge::local {
namespace {

constexpr auto kDialLimit = 10s;

// Chromium writes the method of an event first. What does not look so is parsed to find out.
std::string_view method_of(std::string_view message) {
  constexpr std::string_view kBegin = R"({"method":")";
  if (!message.starts_with(kBegin)) return {};
  message.remove_prefix(kBegin.size());
  return message.substr(0, message.find('"'));
}

// A UTF-16 unit written as \uXXXX at the front of `text`, or 0.
unsigned unit_at(std::string_view text) {
  unsigned unit = 0;
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return 0;
  auto const end = text.data() + 6;
  auto const read = std::from_chars(text.data() + 2, end, unit, 16);
  return read.ptr == end ? unit : 0;
}

bool is_high(unsigned unit) {
  return unit >= 0xd800 && unit < 0xdc00;
}
bool is_low(unsigned unit) {
  return unit >= 0xdc00 && unit < 0xe000;
}

// Strings of JavaScript may hold half of a surrogate pair. Chromium writes it down as it is, and
// the parser refuses the whole message. What cannot be shown becomes U+FFFD, as everywhere.
void mend_surrogates(std::span<char> json) {
  std::string_view const text(json.data(), json.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') continue;
    auto const unit = unit_at(text.substr(i));
    if (is_high(unit) && is_low(unit_at(text.substr(i + 6)))) {
      i += 11;
      continue;
    }
    if (is_high(unit) || is_low(unit)) std::copy_n("fffd", 4, json.begin() + std::ptrdiff_t(i) + 2);
    ++i;  // what is escaped begins no escape
  }
}

Error gone(std::string_view what) {
  return {Errc::end_of_stream, fmt::format("ask Chromium ({})", what)};
}

// Chromium's own words; they name ids and methods, never addresses.
Error refusal(std::string_view what, Json const& error) {
  auto const message = error.value("message", "no reason given");
  return Error::saying(Errc::refused, fmt::format("Chromium refused {}: {}", what, message));
}

}  // namespace

/// A call that has not been answered yet.
struct CdpConnection::Waiting {
  explicit Waiting(asio::any_io_executor ex) : answered(std::move(ex)) {}
  net::Signal answered;
  Json message;  ///< null when the browser went
};

CdpConnection::CdpConnection(net::Loop& loop, CdpListener* listener)
    : loop_(loop), listener_(listener), answered_(loop.executor()), tasks_(loop.executor()) {}

CdpConnection::~CdpConnection() = default;

awaitable<Result<void>> CdpConnection::open(net::Url devtools) {
  net::Reach const reach;
  net::WsLimits limits;
  limits.check_utf8 = false;
  limits.message_max = kMessageMax + (1U << 20);  // for what is round it
  auto dialled = co_await net::dial_ws(loop_, std::move(devtools), reach, limits, kDialLimit);
  if (auto* const error = std::get_if<Error>(&dialled)) co_return std::move(*error);
  if (auto* const refused = std::get_if<net::UpgradeRefused>(&dialled))
    co_return Error{Errc::refused, fmt::format("attach to Chromium (HTTP {})", refused->status)};
  ws_ = std::move(std::get<std::unique_ptr<net::WsStream>>(dialled));
  open_ = true;
  tasks_.spawn("cdp connection", run());
  co_return Result<void>{};
}

awaitable<void> CdpConnection::run() {
  [[maybe_unused]] auto const end = co_await ws_->run(*this);
  open_ = false;
  for (auto const& [id, waiting] : waiting_) waiting->answered.notify();
  if (listener_ != nullptr) listener_->on_end();
}

std::uint64_t CdpConnection::send(std::string_view method, Json const& params,
                                  std::string_view session) {
  Json message{{"id", ++last_id_}, {"method", method}};
  if (!params.is_null()) message["params"] = params;
  if (!session.empty()) message["sessionId"] = session;
  // A full queue means a browser that has not read for 64 MiB: it does not come back from that.
  if (open_ && !ws_->send(to_text(message))) ws_->abort();
  return last_id_;
}

void CdpConnection::post(std::string_view method, Json const& params, std::string_view session) {
  [[maybe_unused]] auto const id = send(method, params, session);
}

awaitable<Result<Json>> CdpConnection::call(std::string method) {
  Json const none;
  co_return co_await call(std::move(method), none);
}

awaitable<Result<Json>> CdpConnection::call(std::string method, Json params, std::string session,
                                            Duration limit) {
  if (!open_) co_return gone(method);
  Waiting waiting(loop_.executor());
  auto const id = send(method, params, session);
  waiting_.emplace(id, &waiting);
  auto const forget = scope_exit([this, id] {
    waiting_.erase(id);
    if (waiting_.empty()) answered_.notify_all();
  });
  auto late = fmt::format("ask Chromium ({})", method);
  co_return co_await net::within(limit, answer(waiting, std::move(method)), std::move(late));
}

awaitable<Result<Json>> CdpConnection::answer(Waiting& waiting, std::string what) {
  co_await waiting.answered.wait();
  auto& message = waiting.message;
  if (message.is_null()) co_return gone(what);
  if (auto const error = message.find("error"); error != message.end())
    co_return refusal(what, *error);
  co_return std::move(message["result"]);
}

void CdpConnection::on_message(net::WsOpcode, std::span<char> payload) {
  std::string_view const text(payload.data(), payload.size());
  auto const known = method_of(text);
  if (!known.empty() && (listener_ == nullptr || !listener_->wants(known, text.size()))) return;
  auto message = Json::parse(text, nullptr, false);
  if (message.is_discarded()) {
    mend_surrogates(payload);
    message = Json::parse(text, nullptr, false);
  }
  if (!message.is_object()) return;
  if (message.contains("id")) {
    on_reply(message);
    return;
  }
  auto const method = message.find("method");
  if (listener_ == nullptr || method == message.end() || !method->is_string()) return;
  auto const session = message.value("sessionId", "");
  listener_->on_event({method->get_ref<std::string const&>(), session, message["params"]});
}

void CdpConnection::on_reply(Json& message) {
  auto const& id = message.at("id");
  auto const found =
      id.is_number_unsigned() ? waiting_.find(id.get<std::uint64_t>()) : waiting_.end();
  if (found == waiting_.end()) return;  // posted, or given up
  found->second->message = std::move(message);
  found->second->answered.notify();
}

awaitable<void> CdpConnection::ended() {
  return tasks_.join();
}

awaitable<void> CdpConnection::close() {
  if (ws_) ws_->abort();
  co_await tasks_.join();
  while (!waiting_.empty()) co_await answered_.wait();
}

}  // namespace bridge::local
