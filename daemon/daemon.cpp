#include "daemon/daemon.hpp"

#include <fmt/format.h>

#include "daemon/port_owner.hpp"

namespace bridge {
namespace {

constexpr int kFreePortTries = 10;

net::HttpServerLimits bridge_port_limits(config::Bridge const& config) {
  net::HttpServerLimits limits;
  limits.connections_max =
      2 * config.limits.clients + 64;  // besides WebSockets, kept-alive discovery
  return limits;
}

bool no_such_family(error_code ec) {
  return ec == asio::error::address_family_not_supported || ec.value() == EADDRNOTAVAIL;
}

}  // namespace

Daemon::Slot::Slot(net::Loop& loop, net::Reach reach, api::Platform* platform,
                   config::Bridge config)
    : bridge(loop, std::move(reach), platform, std::move(config)),
      endpoint(bridge),
      server(loop, endpoint, bridge_port_limits(bridge.config()), bridge.config().name) {}

Daemon::Daemon(net::Loop& loop, config::Config const& config, net::Reach const& reach,
               api::Platform* platform, BackendInfo backend)
    : loop_(loop),
      config_(config),
      backend_(std::move(backend)),
      service_(*this),
      service_server_(loop, service_, {}, "service"),
      control_(*this),
      control_server_(loop, control_, {}, "control"),
      tasks_(loop.executor()) {
  for (auto const& bridge : config_.bridges)
    slots_.push_back(std::make_unique<Slot>(loop, reach, platform, bridge));
}

Daemon::~Daemon() = default;

// Both families: what is left free on one of them is taken by the next Chrome, which then answers
// in our place.
Result<void> Daemon::listen_loopback(net::HttpServer& server, std::uint16_t port,
                                     std::string const& what) {
  auto const explain = [&](Error error) {
    error.doing = fmt::format("{}: {}", what, error.doing);
    auto const owner = error.code == asio::error::address_in_use ? port_owner(port) : std::string();
    if (!owner.empty()) error.doing += fmt::format(" (taken by {})", owner);
    return error;
  };
  for (int tries = 1;; ++tries) {
    auto const v4 = server.listen("127.0.0.1", port);
    if (!v4) return explain(v4.error());
    auto const v6 = server.listen("::1", server.port());
    if (v6 || no_such_family(v6.error().code)) return {};
    // A port the kernel chose for one family may be taken in the other.
    bool const other_port_helps = port == 0 && v6.error().code == asio::error::address_in_use;
    if (!other_port_helps || tries == kFreePortTries) return explain(v6.error());
    server.forget_listeners();
  }
}

Result<void> Daemon::listen(std::string const& control_socket) {
  if (auto const bound = control_server_.listen_unix(control_socket); !bound) return bound.error();
  if (auto const bound = listen_loopback(service_server_, config_.service.port, "service port");
      !bound)
    return bound.error();
  for (auto const& slot : slots_) {
    auto const port = slot->bridge.config().port.value_or(0);
    auto const what = fmt::format("bridge {}", slot->bridge.config().name);
    if (auto const bound = listen_loopback(slot->server, port, what); !bound) return bound.error();
  }
  return {};
}

void Daemon::start() {
  control_server_.start();
  service_server_.start();
  for (auto const& slot : slots_) {
    slot->server.start();
    auto& bridge = slot->bridge;
    if (bridge.config().start == config::Start::boot)
      tasks_.spawn("boot " + bridge.config().name, boot(bridge));
  }
}

awaitable<void> Daemon::boot(Bridge& bridge) {
  (void)co_await bridge.up();  // the bridge logs and keeps what went wrong
}

awaitable<void> Daemon::shut_down_one(Slot& slot, std::string& line) {
  auto const said = co_await slot.bridge.shut_down();
  line = fmt::format("{}: {}", slot.bridge.config().name, said);
  co_await slot.server.stop();
}

awaitable<std::vector<std::string>> Daemon::shut_down() {
  draining_ = true;
  for (auto const& slot : slots_) slot->server.stop_accepting();
  std::vector<std::string> lines(slots_.size());
  net::Tasks leaving(loop_.executor());
  for (std::size_t i = 0; i < slots_.size(); ++i)
    leaving.spawn("shut down " + slots_[i]->bridge.config().name,
                  shut_down_one(*slots_[i], lines[i]));
  co_await leaving.join();
  tasks_.stop();
  co_await tasks_.join();
  co_await service_server_.stop();
  co_await control_server_.stop();
  co_return lines;
}

Bridge* Daemon::find(std::string_view name) {
  for (auto const& slot : slots_)
    if (slot->bridge.config().name == name) return &slot->bridge;
  return nullptr;
}

Endpoint* Daemon::endpoint(std::string_view name) {
  for (auto const& slot : slots_)
    if (slot->bridge.config().name == name) return &slot->endpoint;
  return nullptr;
}

std::string Daemon::service_address() const {
  return fmt::format("http://127.0.0.1:{}", service_server_.port());
}

std::vector<Daemon::Listed> Daemon::bridges() {
  std::vector<Listed> out;
  for (auto const& slot : slots_) {
    auto const authority = fmt::format("127.0.0.1:{}", slot->server.port());
    out.push_back(
        {&slot->bridge, "http://" + authority, "ws://" + authority + slot->bridge.browser_path()});
  }
  return out;
}

}  // namespace bridge
