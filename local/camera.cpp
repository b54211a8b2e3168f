#include "local/camera.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "local/json.hpp"
#include "local/token.hpp"

namespace bridge::local {
namespace {

// How long a picture keeps its place among the three that may be on their way.
constexpr auto kBetween = 400ms;
constexpr Screencast::Wish kWish{50, 1280};

}  // namespace

std::optional<std::string> from_base64(std::string text) {
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  text.erase(text.find_last_not_of('=') + 1);
  return from_base64url(text);
}

Camera::Camera(net::Loop& loop, FrameFile file, Timestamp run_began)
    : file_(std::move(file)),
      run_began_(run_began),
      enough_(loop.executor()),
      cdp_(loop, this),
      tasks_(loop.executor()) {}

awaitable<void> Camera::serve(net::Url devtools) {
  auto const opened = co_await cdp_.open(std::move(devtools));
  if (!opened) {
    log_.warn("a run is not recorded: {}", opened.error().text());
    co_return;
  }
  Json const discover{{"discover", true}};
  cdp_.post("Target.setDiscoverTargets", discover);
  co_await (cdp_.ended() || enough_.wait());
  tasks_.stop();
  co_await tasks_.join();
  // Chromium takes no more pictures for who has left.
  co_await cdp_.close();
}

bool Camera::wants(std::string_view method, std::size_t) {
  return method == "Page.screencastFrame" || method == "Target.targetCreated" ||
         method == "Target.detachedFromTarget";
}

void Camera::on_event(CdpEvent const& event) {
  if (event.method == "Target.targetCreated") {
    auto const& target = event.params.at("targetInfo");
    if (target.value("type", "") == "page" && target.value("subtype", "").empty())
      tasks_.spawn("aim", aim_at(target.value("targetId", "")));
    return;
  }
  if (event.method == "Target.detachedFromTarget") {
    casts_.erase(event.params.value("sessionId", ""));
    return;
  }
  auto const cast = casts_.find(event.session);
  if (cast == casts_.end()) return;
  cast->second.came(event.params);
  keep(event.params.at("data").get_ref<std::string const&>());
  tasks_.spawn("go on", go_on(std::string(event.session)));
}

awaitable<void> Camera::aim_at(std::string target) {
  Json const attach{{"targetId", target}, {"flatten", true}};
  auto const attached = co_await cdp_.call("Target.attachToTarget", attach);
  if (!attached) co_return;  // it has gone already
  auto const session = attached->value("sessionId", "");
  casts_.try_emplace(session, cdp_, session, kWish);
}

awaitable<void> Camera::go_on(std::string session) {
  bool const whole = co_await net::sleep_for(kBetween);
  auto const cast = casts_.find(session);
  if (whole && cast != casts_.end()) cast->second.acknowledge();
}

void Camera::keep(std::string_view base64) {
  if (full_ || base64 == last_) return;
  auto const picture = from_base64(std::string(base64));
  if (!picture) return;
  last_ = base64;
  auto const since = std::max<std::int64_t>((now() - run_began_).count(), 0);
  auto const kept = file_.add(static_cast<std::uint32_t>(since), *picture);
  full_ = !kept || file_.bytes() > kBytesMax;
  if (full_) enough_.notify();
  if (!kept)
    log_.error("a recording ends here: {}", kept.error().text());
  else if (full_)
    log_.warn("a recording ends here: it has reached {} MiB", kBytesMax >> 20U);
}

}  // namespace bridge::local
