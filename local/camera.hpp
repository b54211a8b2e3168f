#pragma once

#include <map>
#include <string>

#include "base/log.hpp"
#include "local/cdp_connection.hpp"
#include "local/frame_file.hpp"
#include "local/screencast.hpp"
#include "local/timestamp.hpp"

namespace bridge::local {

/// Takes pictures of the pages of one run whenever they change, a few each second at most. Pages
/// that nobody has in front are not painted, so there are none of them.
class Camera final : private CdpListener {
 public:
  /// More than this is not kept of one run.
  static constexpr std::uint64_t kBytesMax = 512ULL << 20;

  Camera(net::Loop& loop, FrameFile file, Timestamp run_began);

  /// Returns when the browser has gone, when there is no room for more, or after leave().
  awaitable<void> serve(net::Url devtools);
  void leave() { enough_.notify(); }

 private:
  [[nodiscard]] bool wants(std::string_view method, std::size_t bytes) override;
  void on_event(CdpEvent const& event) override;
  awaitable<void> aim_at(std::string target);
  awaitable<void> go_on(std::string session);
  void keep(std::string_view base64);

  Log log_{"local"};
  FrameFile file_;
  Timestamp run_began_;
  std::string last_;  // the picture that was kept last
  bool full_ = false;
  net::Signal enough_;
  CdpConnection cdp_;
  std::map<std::string, Screencast, std::less<>> casts_;  // by session
  net::Tasks tasks_;
};

/// The bytes of standard base64 (RFC 4648 section 4), as CDP writes pictures; none when it is not.
[[nodiscard]] std::optional<std::string> from_base64(std::string text);

}  // namespace bridge::local
