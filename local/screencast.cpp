#include "local/screencast.hpp"

#include <nlohmann/json.hpp>

namespace bridge::local {
namespace {

// With so many on their way Chromium takes no more.
constexpr int kWaitingMax = 3;

}  // namespace

Screencast::Screencast(CdpConnection& cdp, std::string session, Wish wish)
    : cdp_(cdp), session_(std::move(session)), wish_(wish) {
  Json const none = Json::object();
  cdp_.post("Page.enable", none, session_);
  start();
}

void Screencast::start() {
  Json const wish{{"format", "jpeg"},
                  {"quality", wish_.quality},
                  {"maxWidth", wish_.side_max},
                  {"maxHeight", wish_.side_max}};
  cdp_.post("Page.startScreencast", wish, session_);
}

void Screencast::came(Json const& params) {
  number_ = params.value("sessionId", std::int64_t{0});
  ++waiting_;
  missed_ = waiting_ >= kWaitingMax;
}

void Screencast::acknowledge() {
  if (waiting_ == 0) return;
  --waiting_;
  Json const which{{"sessionId", number_}};
  cdp_.post("Page.screencastFrameAck", which, session_);
  if (waiting_ > 0 || !missed_) return;
  missed_ = false;
  Json const none = Json::object();
  cdp_.post("Page.stopScreencast", none, session_);
  start();
}

}  // namespace bridge::local
