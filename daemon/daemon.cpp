#include "daemon/daemon.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/port_owner.hpp"
#include "daemon/settle.hpp"
#include "net/network_watch.hpp"
#include "net/tasks.hpp"

namespace bridge {
namespace {

constexpr int kFreePortTries = 10;
// Where containers come and go all the time the network always changes: a dial needs its time.
constexpr auto kBetweenProbes = 5s;

bool no_such_family(error_code ec) {
  return ec == asio::error::address_family_not_supported || ec.value() == EADDRNOTAVAIL;
}

}  // namespace

Daemon::Slot::Slot(net::Loop& loop, net::Reach reach, api::Platform* platform,
                   config::Bridge config)
    : bridge(loop, std::move(reach), platform, std::move(config)), endpoint(bridge) {}

Daemon::Daemon(net::Loop& loop, config::Config config, net::Reach reach, api::Platform* platform,
               BackendInfo backend, CrashRecord* record)
    : loop_(loop),
      config_(std::move(config)),
      reach_(std::move(reach)),
      platform_(platform),
      backend_(std::move(backend)),
      record_(record),
      leased_(backend_.kind == "cloud"),  // the local backend's browsers end with us anyway
      service_(*this),
      service_server_(loop, service_, {}, "service"),
      control_(*this),
      control_server_(loop, control_, {}, "control"),
      tasks_(loop.executor()),
      left_tasks_(loop.executor()),
      end_wanted_(loop.executor()),
      changed_(loop.executor()) {
  std::vector<Bridge*> bridges;
  for (auto const& bridge : config_.bridges) {
    auto& slot = *slots_.emplace_back(make_slot(bridge));
    slot.server = make_server(slot, bridge);
    remember(slot);
    bridges.push_back(&slot.bridge);
  }
  if (record_ != nullptr && platform != nullptr)
    caretaker_.emplace(loop_, *platform, *record_, config_, std::move(bridges), leased_,
                       Caretaker::Timing());
}

std::shared_ptr<Daemon::Slot> Daemon::make_slot(config::Bridge const& config) {
  auto slot = std::make_shared<Slot>(loop_, reach_, platform_, config);
  if (ledger_ != nullptr) slot->bridge.keep_ledger(*ledger_);
  return slot;
}

net::HttpServerLimits Daemon::limits_of(config::Bridge const& config) {
  net::HttpServerLimits limits;
  limits.connections_max =
      2 * config.limits.clients + 64;  // besides WebSockets, kept-alive discovery
  return limits;
}

std::unique_ptr<net::HttpServer> Daemon::make_server(Slot& slot,
                                                     config::Bridge const& config) const {
  return std::make_unique<net::HttpServer>(loop_, slot.endpoint, limits_of(config), config.name);
}

void Daemon::remember(Slot& slot) {
  if (record_ != nullptr) slot.bridge.keep_record(*record_, lease_of(slot.bridge.config()));
}

Duration Daemon::lease_of(config::Bridge const& config) const {
  return leased_ ? Duration(config.lease) : Duration::zero();
}

Daemon::~Daemon() = default;

// Both families: what is left free on one of them is taken by the next Chrome, which then answers
// in our place.
Result<void> Daemon::listen_loopback(net::HttpServer& server, std::uint16_t port,
                                     std::string const& what) {
  auto const explain = [&](Error error) {
    error.doing = fmt::format("{}: {}", what, error.doing);
    auto const owner = error.code == asio::error::address_in_use ? port_owner(port) : std::string();
    bool const ours = owner.ends_with(fmt::format("(pid {})", ::getpid()));
    if (!owner.empty()) error.doing += fmt::format(" (taken by {})", ours ? "this daemon" : owner);
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
    auto const& config = slot->bridge.config();
    std::uint16_t const before = record_ != nullptr ? record_->left().of(config.name).port : 0;
    if (auto const bound = listen_bridge(*slot->server, config, before); !bound)
      return bound.error();
  }
  return {};
}

// A port that the kernel chose is taken again: clients have the address.
Result<void> Daemon::listen_bridge(net::HttpServer& server, config::Bridge const& config,
                                   std::uint16_t before) {
  auto const what = fmt::format("bridge {}", config.name);
  auto const port = config.port.value_or(0);
  if (port == 0 && before != 0) {
    if (listen_loopback(server, before, what)) return {};
    server.forget_listeners();
  }
  return listen_loopback(server, port, what);
}

void Daemon::note_address(Slot const& slot) {
  if (record_ == nullptr) return;
  Happening address;
  address.kind = Happening::Kind::address;
  address.bridge = slot.bridge.config().name;
  address.port = slot.port();
  address.text = slot.bridge.browser_path();
  record_->note_soon(std::move(address));
}

void Daemon::keep_ledger(Ledger& ledger) {
  ledger_ = &ledger;
  for (auto const& slot : slots_) slot->bridge.keep_ledger(ledger);
}

void Daemon::start() {
  if (ledger_ != nullptr && platform_ != nullptr) {
    auto const credits = [this] {
      return std::any_of(slots_.begin(), slots_.end(),
                         [](auto const& slot) { return slot->bridge.config().budget.credits > 0; });
    };
    tasks_.spawn("ledger", settle_runs(*ledger_, *platform_, credits));
  }
  control_server_.start();
  service_server_.start();
  if (caretaker_) caretaker_->start();
  tasks_.spawn("network", watch_network());
  for (auto const& slot : slots_) open(slot);
}

void Daemon::open(std::shared_ptr<Slot> const& slot) {
  note_address(*slot);
  slot->bridge.begin_recovery();  // before a client comes back that must wait for it
  slot->server->start();
  boot_if_wanted(slot);
}

void Daemon::boot_if_wanted(std::shared_ptr<Slot> const& slot) {
  if (slot->bridge.config().start == config::Start::boot)
    tasks_.spawn("boot " + slot->name(), boot(slot));
}

awaitable<void> Daemon::boot(std::shared_ptr<Slot> slot) {
  (void)co_await slot->bridge.up();  // the bridge logs and keeps what went wrong
}

// A connection may have died of it without a word, and one that was not to be had may be now.
awaitable<void> Daemon::watch_network() {
  auto watch = net::NetworkWatch::open(loop_);
  if (!watch) {
    log::write(LogLevel::debug,
               fmt::format("changes of the network are not seen: {}", watch.error().text()));
    co_return;
  }
  while (co_await (*watch)->changed()) {
    for (auto const& slot : slots_) slot->bridge.probe();
    if (!co_await net::sleep_for(kBetweenProbes)) co_return;
  }
}

void Daemon::end(std::optional<Duration> drain) {
  if (draining_) {  // said once more: with less patience
    for (auto const& slot : slots_) slot->bridge.drain_within(drain.value_or(Duration::zero()));
    return;
  }
  if (drain) drain_ = *drain;
  end_wanted_.notify();
}

awaitable<void> Daemon::stop_servers(Slot& slot) {
  co_await slot.server->stop();
  for (auto const& server : slot.before) co_await server->stop();
}

awaitable<void> Daemon::shut_down_one(Slot& slot, Duration drain, std::string& line) {
  auto const said = co_await slot.bridge.shut_down(drain);
  line = fmt::format("{}: {}", slot.name(), said);
  co_await stop_servers(slot);
}

awaitable<std::vector<std::string>> Daemon::shut_down() {
  draining_ = true;
  while (changing_) co_await changed_.wait();
  for (auto const& slot : slots_) slot->server->stop_accepting();
  if (caretaker_) co_await caretaker_->stop();  // a lease that we end must not be renewed
  left_tasks_.stop();
  co_await left_tasks_.join();
  std::vector<std::string> lines(slots_.size() + left_.size());
  net::Tasks leaving(loop_.executor());
  auto line = lines.begin();
  for (auto const& slot : slots_)
    leaving.spawn("shut down " + slot->name(), shut_down_one(*slot, drain(), *line++));
  for (auto const& left : left_)
    leaving.spawn("stop what is left of " + left.slot->name(), stop_once_more(*left.slot, *line++));
  co_await leaving.join();
  tasks_.stop();
  co_await tasks_.join();
  co_await service_server_.stop();
  co_await control_server_.stop();
  if (record_ != nullptr) co_await record_->finish();
  co_return lines;
}

std::vector<std::string> Daemon::left_running() const {
  std::vector<std::string> out;
  for (auto const& left : left_) out.push_back(left.line);
  return out;
}

awaitable<void> Daemon::stop_once_more(Slot& slot, std::string& line) {
  auto const said = co_await slot.bridge.stop_again();
  line = fmt::format("{}: {}", slot.name(), said);
}

std::string Daemon::may_still_run() const {
  if (backend_.kind == "local") return "; the browsers of the local backend end with it";
  std::string out;
  auto const add = [&out](Slot const& slot) {
    if (slot.bridge.may_still_run())
      out += fmt::format("; runtime {} of bridge {} may still run",
                         slot.bridge.status().runtime.value, slot.name());
  };
  for (auto const& slot : slots_) add(*slot);
  for (auto const& left : left_) add(*left.slot);
  return out;
}

awaitable<FailureOr<std::vector<Reaped>>> Daemon::reap(bool dry_run) {
  if (caretaker_) co_return co_await caretaker_->reap(dry_run);
  co_return std::vector<Reaped>();
}

Daemon::Slots::const_iterator Daemon::find_in(Slots const& slots, std::string_view name) {
  return std::find_if(slots.begin(), slots.end(),
                      [name](auto const& slot) { return slot->name() == name; });
}

std::shared_ptr<Bridge> Daemon::find(std::string_view name) {
  auto const at = find_in(slots_, name);
  return at == slots_.end() ? nullptr : std::shared_ptr<Bridge>(*at, &(*at)->bridge);
}

std::shared_ptr<Endpoint> Daemon::endpoint(std::string_view name) {
  auto const at = find_in(slots_, name);
  return at == slots_.end() ? nullptr : std::shared_ptr<Endpoint>(*at, &(*at)->endpoint);
}

std::string Daemon::service_address() const {
  return fmt::format("http://127.0.0.1:{}", service_server_.port());
}

std::vector<Daemon::Listed> Daemon::bridges() {
  std::vector<Listed> out;
  for (auto const& slot : slots_) {
    auto const authority = fmt::format("127.0.0.1:{}", slot->port());
    out.push_back(
        {&slot->bridge, "http://" + authority, "ws://" + authority + slot->bridge.browser_path()});
  }
  return out;
}

}  // namespace bridge
