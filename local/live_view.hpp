#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "local/cdp_connection.hpp"
#include "local/runtimes.hpp"
#include "local/screencast.hpp"
#include "local/view_leases.hpp"
#include "net/tasks.hpp"
#include "net/ws_stream.hpp"

namespace bridge::local {

/// One viewer that watches a run: a web socket that carries pictures of one of its pages, which
/// pages there are and who drives. A viewer whose lease says so drives, too: from the moment it
/// connects, if nobody else does, and whenever it takes over from nobody.
///
/// It says frame {data, width, height, top}, pages {pages, shown}, control {held, holder?, since?};
/// it hears drawn, show {page}, take, release, back, forward, new, close {page} and what
/// viewer_input.hpp lists. No more than three pictures are under way to it.
class LiveView final : private CdpListener, private net::WsReceiver {
 public:
  LiveView(net::Loop& loop, Runtimes& runtimes, RuntimeId runtime, ViewLease lease,
           std::unique_ptr<net::WsStream> ws);

  /// Returns when the viewer has gone, the run is over or the lease has expired, and nothing is
  /// left of it.
  awaitable<void> serve();
  /// The hard end.
  void abort() { ws_->abort(); }

 private:
  struct Target {
    std::string id;
    std::string title;
    std::string url;
  };

  [[nodiscard]] bool wants(std::string_view method, std::size_t bytes) override;
  void on_event(CdpEvent const& event) override;
  void on_message(net::WsOpcode kind, std::span<char> payload) override;

  awaitable<void> look();
  awaitable<Result<void>> list_pages();
  awaitable<void> show(std::string target);
  awaitable<void> take_picture(std::string session);
  awaitable<void> go_in_history(int step);
  awaitable<void> open_page();
  awaitable<void> end_with_run();
  awaitable<void> end_with_lease();
  awaitable<void> leave(std::uint16_t code, std::string reason);

  void obey(Json const& message);
  void drive(Json const& message);
  void take();
  void release();
  void tell_control(std::optional<Lock::Busy> const& other);
  void tell_pages();
  void tell(Json const& message);
  void send_frame(Json const& params);

  net::Loop& loop_;
  Runtimes& runtimes_;
  RuntimeId runtime_;
  ViewLease lease_;
  std::unique_ptr<net::WsStream> ws_;
  CdpConnection cdp_;
  net::Signal stale_;  // another page is to be shown, or there are other pages
  net::Tasks tasks_;
  std::vector<Target> pages_;
  std::string wanted_;               // target; empty: the one in front
  std::string shown_;                // target
  std::string session_;              // of the one that is shown
  std::optional<Screencast> cast_;   // its pictures
  std::optional<Lock::Lease> held_;  // it drives
};

}  // namespace bridge::local
