#include "local/live_view.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/scope_exit.hpp"
#include "local/json.hpp"
#include "local/viewer_input.hpp"

namespace bridge::local {
namespace {

constexpr auto kGrace = 2s;
constexpr Screencast::Wish kWish{60, 1600};
constexpr auto kEndOfRun = 1001;
constexpr auto kEndOfLease = 1008;

std::string text_of(Json const& message, char const* name) {
  auto const found = message.find(name);
  return found != message.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

LiveView::LiveView(net::Loop& loop, Runtimes& runtimes, RuntimeId runtime, ViewLease lease,
                   std::unique_ptr<net::WsStream> ws)
    : loop_(loop),
      runtimes_(runtimes),
      runtime_(std::move(runtime)),
      lease_(std::move(lease)),
      ws_(std::move(ws)),
      cdp_(loop, this),
      stale_(loop.executor()),
      tasks_(loop.executor()) {}

awaitable<void> LiveView::serve() {
  take();
  // Whoever waits for the lock must not wait for our farewells.
  auto const let_go = scope_exit([this] { release(); });
  auto devtools = runtimes_.devtools(lease_.run);
  Result<void> opened = Error{Errc::end_of_stream, "watch the run"};
  if (devtools) opened = co_await cdp_.open(std::move(*devtools));
  if (opened) {
    Json const discover{{"discover", true}};
    cdp_.post("Target.setDiscoverTargets", discover);
    tasks_.spawn("look", look());
  }
  tasks_.spawn("end with run", end_with_run());
  tasks_.spawn("end with lease", end_with_lease());
  [[maybe_unused]] auto const end = co_await ws_->run(*this);
  release();
  tasks_.stop();
  co_await tasks_.join();
  co_await cdp_.close();
}

awaitable<void> LiveView::end_with_run() {
  co_await cdp_.ended();
  co_await leave(kEndOfRun, "the run is over");
}

awaitable<void> LiveView::end_with_lease() {
  auto const left = std::max<Duration>(lease_.expires - now(), Duration::zero());
  bool const whole = co_await net::sleep_for(left);
  if (whole) co_await leave(kEndOfLease, "the address has expired");
}

awaitable<void> LiveView::leave(std::uint16_t code, std::string reason) {
  release();
  ws_->close(code, reason);
  bool const patient = co_await net::sleep_for(kGrace);
  if (patient) ws_->abort();
}

bool LiveView::wants(std::string_view method, std::size_t) {
  return method == "Page.screencastFrame" || method == "Target.targetCreated" ||
         method == "Target.targetDestroyed" || method == "Target.targetInfoChanged" ||
         method == "Target.detachedFromTarget";
}

void LiveView::on_event(CdpEvent const& event) {
  if (event.method != "Page.screencastFrame") {
    stale_.notify();
    return;
  }
  if (!cast_ || event.session != session_) return;
  cast_->came(event.params);
  send_frame(event.params);
}

void LiveView::send_frame(Json const& params) {
  auto const& metadata = params.at("metadata");
  tell(Json{{"type", "frame"},
            {"data", params.at("data")},
            {"width", metadata.value("deviceWidth", 0.0)},
            {"height", metadata.value("deviceHeight", 0.0)},
            {"top", metadata.value("offsetTop", 0.0)}});
}

// Shows what is to be shown, again whenever that changes.
awaitable<void> LiveView::look() {
  for (;;) {
    auto const listed = co_await list_pages();
    if (!listed) co_return;
    auto const open = [this](std::string const& id) {
      return std::any_of(pages_.begin(), pages_.end(),
                         [&](auto const& one) { return one.id == id; });
    };
    if (!open(wanted_)) {
      std::vector<std::string> ids;
      for (auto const& page : pages_) ids.push_back(page.id);
      wanted_ = runtimes_.active_target(runtime_, ids);
    }
    auto target = wanted_;
    if (target != shown_) co_await show(std::move(target));
    tell_pages();
    co_await stale_.wait();
  }
}

awaitable<Result<void>> LiveView::list_pages() {
  auto const listed = co_await cdp_.call("Target.getTargets");
  if (!listed) co_return listed.error();
  pages_.clear();
  for (auto const& target : listed->value("targetInfos", Json::array())) {
    if (target.value("type", "") != "page" || !target.value("subtype", "").empty()) continue;
    pages_.push_back(
        {target.value("targetId", ""), target.value("title", ""), target.value("url", "")});
  }
  co_return Result<void>{};
}

awaitable<void> LiveView::show(std::string target) {
  if (!session_.empty()) {
    Json const gone{{"sessionId", session_}};
    cdp_.post("Target.detachFromTarget", gone);
  }
  session_.clear();
  cast_.reset();
  shown_ = target;
  if (target.empty()) co_return;
  if (held_) {
    // Who drives a page has it in front of him, as a person would.
    Json const front{{"targetId", target}};
    cdp_.post("Target.activateTarget", front);
    runtimes_.set_active_target(runtime_, target);
  }
  Json const attach{{"targetId", target}, {"flatten", true}};
  auto const attached = co_await cdp_.call("Target.attachToTarget", attach);
  if (!attached) {
    shown_.clear();  // it has just gone, which the browser will tell
    co_return;
  }
  session_ = attached->value("sessionId", "");
  cast_.emplace(cdp_, session_, kWish);
  tasks_.spawn("picture", take_picture(session_));
}

// A page that nobody has in front paints nothing; this is the one picture there is of it.
awaitable<void> LiveView::take_picture(std::string session) {
  Json const none = Json::object();
  auto const metrics = co_await cdp_.call("Page.getLayoutMetrics", none, session);
  if (!metrics || !metrics->contains("cssLayoutViewport")) co_return;
  auto const& viewport = metrics->at("cssLayoutViewport");
  Json const wish{{"format", "jpeg"}, {"quality", kWish.quality}};
  auto const taken = co_await cdp_.call("Page.captureScreenshot", wish, session);
  if (!taken || session != session_ || !cast_ || cast_->waiting() > 0) co_return;
  Json frame{{"data", taken->value("data", "")}};
  frame["metadata"] = Json{{"deviceWidth", viewport.value("clientWidth", 0.0)},
                           {"deviceHeight", viewport.value("clientHeight", 0.0)}};
  send_frame(frame);
}

void LiveView::on_message(net::WsOpcode, std::span<char> payload) {
  auto const message = parse_object({payload.data(), payload.size()});
  if (message) obey(*message);
}

void LiveView::obey(Json const& message) {
  auto const type = text_of(message, "type");
  if (type == "drawn") {
    if (cast_) cast_->acknowledge();
  } else if (type == "show") {
    wanted_ = text_of(message, "page");
    stale_.notify();
  } else if (type == "take") {
    take();
  } else if (type == "release") {
    release();
    tell_control(std::nullopt);
  } else if (held_) {
    drive(message);
  }
}

void LiveView::drive(Json const& message) {
  runtimes_.touch(runtime_);
  auto const type = text_of(message, "type");
  if (type == "new") {
    tasks_.spawn("open page", open_page());
  } else if (type == "close") {
    Json const which{{"targetId", text_of(message, "page")}};
    cdp_.post("Target.closeTarget", which);
  } else if (session_.empty()) {
    return;
  } else if (type == "back" || type == "forward") {
    tasks_.spawn("history", go_in_history(type == "back" ? -1 : 1));
  } else if (auto const command = page_command(message)) {
    cdp_.post(command->method, command->params, session_);
  }
}

awaitable<void> LiveView::open_page() {
  Json const blank{{"url", "about:blank"}};
  auto const made = co_await cdp_.call("Target.createTarget", blank);
  if (!made) co_return;
  wanted_ = made->value("targetId", "");
  stale_.notify();
}

awaitable<void> LiveView::go_in_history(int step) {
  Json const none = Json::object();
  auto const session = session_;
  auto const history = co_await cdp_.call("Page.getNavigationHistory", none, session);
  if (!history) co_return;
  auto const entries = history->value("entries", Json::array());
  auto const to = history->value("currentIndex", 0) + step;
  if (to < 0 || to >= static_cast<int>(entries.size())) co_return;
  Json const where{{"entryId", entries.at(static_cast<std::size_t>(to)).value("id", 0)}};
  cdp_.post("Page.navigateToHistoryEntry", where, session);
}

void LiveView::take() {
  if (!lease_.input || held_) return tell_control(std::nullopt);
  auto const admission = runtimes_.admit(lease_.run, Controller::human);
  if (auto const* const admitted = std::get_if<Runtimes::Admitted>(&admission))
    held_ = admitted->lease;
  auto const* const other = std::get_if<Lock::Busy>(&admission);
  tell_control(other == nullptr ? std::nullopt : std::optional(*other));
  if (!held_ || shown_.empty()) return;
  Json const front{{"targetId", shown_}};
  cdp_.post("Target.activateTarget", front);
  runtimes_.set_active_target(runtime_, shown_);
}

void LiveView::release() {
  if (held_) runtimes_.release(lease_.run, *held_);
  held_.reset();
}

void LiveView::tell_control(std::optional<Lock::Busy> const& other) {
  Json message{{"type", "control"}, {"allowed", lease_.input}, {"held", held_.has_value()}};
  if (other) {
    message["holder"] = to_text(other->holder);
    message["since"] = rfc3339(other->since);
  }
  tell(message);
}

void LiveView::tell_pages() {
  auto pages = Json::array();
  for (auto const& page : pages_)
    pages.push_back(Json{{"id", page.id}, {"title", page.title}, {"url", page.url}});
  tell(Json{{"type", "pages"}, {"pages", std::move(pages)}, {"shown", shown_}});
}

void LiveView::tell(Json const& message) {
  auto const text = to_text(message);
  [[maybe_unused]] bool const queued = ws_->send(std::string_view(text));
}

}  // namespace bridge::local
