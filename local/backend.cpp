#include "local/backend.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/uuid.hpp"
#include "local/drivers.hpp"
#include "local/guard.hpp"
#include "local/json.hpp"
#include "local/model_choice.hpp"
#include "local/token.hpp"

namespace bridge::local {
namespace {

constexpr std::size_t kBodyMax = 1024 * 1024;
constexpr std::size_t kKeyBytes = 24;
constexpr auto kLastWords = 1s;  // of the streams, when we end

net::HttpServerLimits server_limits() {
  net::HttpServerLimits limits;
  limits.body_max = kBodyMax;
  return limits;
}

std::vector<Route> routes_of(std::vector<Operation> const& operations) {
  std::vector<Route> routes;
  for (auto const& operation : operations) routes.push_back(operation.route);
  return routes;
}

// What a config only names, found among the things of the runtime's owner.
std::optional<Problem> resolve(Store& store, Proxies& proxies, Extensions& extensions,
                               Runtime const& runtime, RuntimePlan& plan) {
  plan.extensions = extensions.directories(plan.extension_ids);
  if (plan.saved_proxy.empty()) return std::nullopt;
  auto const space = store.space(runtime.space);
  auto const owner = space ? space->subaccount : std::nullopt;
  auto const saved = proxies.find_proxy(plan.saved_proxy, owner);
  if (!saved) return saved.error();
  plan.proxy = RuntimePlan::Proxy{saved->protocol, saved->host, saved->port, saved->username,
                                  saved->password.reveal()};
  // The proxy looks names up, whatever it is.
  if (saved->resolves_here) plan.without_effect.emplace_back("proxy.dnsResolution");
  return std::nullopt;
}

RuntimesOptions runtimes_options(BackendOptions const& options, std::filesystem::path const& home,
                                 Store& store, Proxies& proxies, Extensions& extensions,
                                 Accounts& accounts) {
  RuntimesOptions made;
  made.chromium.program = options.chromium;
  made.chromium.flags = options.chromium_flags;
  made.chromium.start_limit = options.start_limit;
  made.controllers = options.concurrent ? Lock::Rule::concurrent : Lock::Rule::exclusive;
  made.profiles = home / "profiles";
  made.scratch = home / "scratch";
  made.workspaces = home / "workspaces";
  made.downloads = home / "downloads";
  made.resolve = [&store, &proxies, &extensions](Runtime const& runtime, RuntimePlan& plan) {
    return resolve(store, proxies, extensions, runtime, plan);
  };
  made.may_start = [&accounts](Runtime const& runtime, std::vector<SpaceId> const& starting) {
    return accounts.check_active_limit(runtime, starting);
  };
  return made;
}

// What one key stands for: a second use must be the same.
std::string fingerprint(Call const& call) {
  return fmt::format("{} {}\n{}\n{}", call.request.method, call.request.target,
                     call.caller.subaccount.value_or(""), call.request.body);
}

Problem unknown_path() {
  return Problem(404, "request.not_found", "There is no such operation.");
}

// Another's things are as if they were not there.
Problem not_callers(Call const& call) {
  for (auto const kind : {"runtime", "run", "space"})
    if (auto const& id = call.parameters.at(fmt::format("{}Id", kind)); !id.empty())
      return Problem::not_found(kind, id);
  return unknown_path();
}

}  // namespace

Result<std::unique_ptr<Backend>> Backend::open(net::Loop& loop, BackendOptions options) {
  auto const state = options.state ? options.state->string() : std::string("memory");
  try {
    return try_open(loop, std::move(options));
  } catch (StoreFailure const& failure) {
    return Error{boost::system::errc::make_error_code(boost::system::errc::io_error),
                 fmt::format("read the state in {} ({})", state, failure.what())};
  }
}

Result<std::unique_ptr<Backend>> Backend::try_open(net::Loop& loop, BackendOptions options) {
  auto program = find_chromium(options.chromium);
  if (!program) return program.error();
  options.chromium = std::move(*program);
  auto store = Store::open(options.state);
  if (!store) return store.error();
  auto seal = Seal::open((*store)->database(), options.state);
  if (!seal) return seal.error();
  std::unique_ptr<TemporaryDir> temporary;
  if (!options.state) {
    auto made = TemporaryDir::make();
    if (!made) return made.error();
    temporary = std::move(*made);
  }
  auto const home = temporary ? temporary->path() : *options.state;
  auto files = Files::open(**store, home);
  if (!files) return files.error();
  return std::unique_ptr<Backend>(new Backend(loop, std::move(options), std::move(*store),
                                              std::move(*seal), std::move(temporary),
                                              std::move(*files), home));
}

Backend::Backend(net::Loop& loop, BackendOptions options, std::unique_ptr<Store> store,
                 std::unique_ptr<Seal> seal, std::unique_ptr<TemporaryDir> temporary,
                 std::unique_ptr<Files> files, std::filesystem::path const& home)
    : loop_(loop),
      options_(std::move(options)),
      key_("local_" + random_token(kKeyBytes)),
      temporary_(std::move(temporary)),
      store_(std::move(store)),
      seal_(std::move(seal)),
      vault_(store_->database(), *seal_),
      outside_(loop),
      ai_(store_->database(), *seal_, outside_),
      tools_(*store_, *seal_, vault_, outside_),
      proxies_(*store_, *seal_, outside_, options_.proxy_test_target),
      files_(std::move(files)),
      extensions_(*store_, files_->disk(), outside_, home / "extensions"),
      feed_(loop, *store_),
      runtimes_(loop, *store_, feed_,
                runtimes_options(options_, home, *store_, proxies_, extensions_, accounts_)),
      gateway_(loop, runtimes_, faults_),
      drivers_(std::make_unique<Drivers>(
          loop, *store_, runtimes_,
          [this](RunId const& run, Activity const& activity) { feed_.add_activity(run, activity); },
          model_finder(*store_, ai_, outside_))),
      recordings_(loop, *store_, runtimes_, home / "recordings", options_.recording),
      viewers_(loop, *store_, runtimes_, recordings_),
      idempotency_(loop, *store_),
      accounts_(*store_),
      parts_{*store_,           accounts_, faults_,     feed_,   runtimes_, contract_,
             chromium_version_, *files_,   extensions_, vault_,  ai_,       tools_,
             proxies_,          *drivers_, recordings_, viewers_},
      operations_(all_operations()),
      routes_(routes_of(operations_)),
      server_(loop, *this, server_limits(), "local") {
  feed_.on_download = [&kept = *files_](Download download) {
    return kept.take_download(std::move(download.run), std::move(download.path),
                              std::move(download.name));
  };
  feed_.on_ending = [this](RunId const& run) { drivers_->human_actions.run_ends(run); };
}

Backend::~Backend() = default;

awaitable<Result<void>> Backend::start() {
  auto const listening = server_.listen("127.0.0.1", options_.port);
  if (!listening) co_return listening;
  runtimes_.set_origin(fmt::format("ws://127.0.0.1:{}", server_.port()));
  files_->set_origin(fmt::format("http://127.0.0.1:{}", server_.port()));
  auto version = co_await local::chromium_version(loop_, options_.chromium);
  if (!version) co_return version.error();
  chromium_version_ = std::move(*version);
  if (runs_unsandboxed())
    log_.warn(
        "we run as root, so Chromium runs without its sandbox: visit no page you do not trust");
  viewers_.set_origin(fmt::format("http://127.0.0.1:{}", server_.port()));
  drivers_->start();
  recordings_.start();
  server_.start();
  log_.info("local backend on {}, Chromium {}", base_url(), chromium_version_);
  co_return Result<void>{};
}

awaitable<void> Backend::stop() {
  server_.stop_accepting();
  files_->disk().stop();
  co_await viewers_.stop();
  co_await drivers_->stop();
  co_await runtimes_.stop_all();
  co_await recordings_.stop();
  // Who watches a run is told of its end.
  co_await (feed_.unwatched() || net::sleep_for(kLastWords));
  co_await server_.stop();
}

std::string Backend::base_url() const {
  return fmt::format("http://127.0.0.1:{}/v1", server_.port());
}

net::HttpReply Backend::reject(unsigned status, std::string_view why) {
  auto const request_id = new_uuid();
  Problem const problem(status, status == 413 ? "request.too_large" : "request.invalid",
                        std::string(why.substr(0, why.find('\n'))));
  auto reply = error_reply(problem, request_id);
  reply.headers.emplace_back("X-Request-Id", request_id);
  return reply;
}

// An upload is read by its operation, as it comes; everything else is small.
net::BodyPlan Backend::plan_body(net::HttpRequest const& head) {
  net::BodyPlan plan;
  auto const routed = find(head);
  plan.in_pieces = routed.described != nullptr && routed.described->multipart;
  if (plan.in_pieces)
    plan.most =
        std::min(options_.upload_max, routed.operation->upload_max.value_or(options_.upload_max));
  return plan;
}

Backend::Routed Backend::find(net::HttpRequest const& request) const {
  Routed routed;
  std::tie(routed.path, routed.query) = split_target(request.target);
  routed.answer = routes_.find(request.method, routed.path);
  auto const* const found = std::get_if<Routes::Found>(&routed.answer);
  if (found == nullptr) return routed;
  routed.operation = &operations_.at(found->index);
  routed.described = contract_.find(routed.operation->route.operation);
  return routed;
}

awaitable<void> Backend::handle(net::HttpExchange& exchange) {
  auto const& request = exchange.request();
  auto const request_id = new_uuid();
  auto const path = split_target(request.target).first;
  auto const refused = check_sender(request);
  if (!refused && path.starts_with(Gateway::kPath)) {
    co_await gateway_.handle(exchange, path, request_id);
    co_return;
  }
  if (!refused && path.starts_with(Viewers::kPath)) {
    co_await viewers_.handle(exchange, path, request_id);
    co_return;
  }
  auto outcome = refused ? Outcome<net::HttpReply>(*refused) : Outcome<net::HttpReply>();
  if (!refused) outcome = co_await answer(exchange, request_id);
  if (exchange.answered()) co_return;
  auto reply = outcome ? std::move(*outcome) : error_reply(outcome.error(), request_id);
  log_.debug("{} {} {}", request.method, path, reply.status);
  reply.headers.emplace_back("X-Request-Id", request_id);
  [[maybe_unused]] auto const sent = co_await exchange.reply(std::move(reply));
}

awaitable<Outcome<net::HttpReply>> Backend::answer(net::HttpExchange& exchange,
                                                   std::string const& request_id) {
  try {
    co_return co_await try_answer(exchange, request_id);
  } catch (StoreFailure const& failure) {
    log_.error("the store failed: {}", failure.what());
  }
  co_return Problem(503, "storage.unavailable", "The local backend cannot write its state.",
                    "See the backend's log; is the disk full?");
}

awaitable<Outcome<net::HttpReply>> Backend::try_answer(net::HttpExchange& exchange,
                                                       std::string const& request_id) {
  auto const& request = exchange.request();
  auto routed = find(request);
  bool const open = routed.operation != nullptr && routed.operation->open;
  auto const caller = open ? Outcome<Caller>(Caller{}) : accounts_.identify(request, now());
  if (!caller) co_return caller.error();
  if (auto* const wrong = std::get_if<Routes::WrongMethod>(&routed.answer))
    co_return Problem::wrong_method(std::move(wrong->allow));
  auto* const found = std::get_if<Routes::Found>(&routed.answer);
  if (found == nullptr) co_return unknown_path();
  auto const body = read_body(routed, request);
  if (!body) co_return body.error();
  Call const call{
      request,   std::move(found->parameters), Query(routed.query), *body, *caller, exchange,
      request_id};
  if (routed.described != nullptr)
    if (auto problem = contract_.check_query(*routed.described, call.query))
      co_return std::move(*problem);
  if (!is_callers(parts_, call)) co_return not_callers(call);
  auto const spared = co_await suffer_fault(routed, call);
  if (!spared) co_return spared.error();
  co_return co_await perform(routed, call);
}

awaitable<Outcome<void>> Backend::suffer_fault(Routed const& routed, Call const& call) {
  if (routed.path.starts_with("/_local/")) co_return Outcome<void>();
  auto const fault = faults_.take_call({routed.operation->route.operation, call.request.method,
                                        routed.path, call.parameters.at("runtimeId")});
  if (!fault) co_return Outcome<void>();
  co_await net::sleep_for(fault->delay);
  if (fault->status) co_return problem_of(*fault);
  co_return Outcome<void>();
}

Outcome<Json> Backend::read_body(Routed const& routed, net::HttpRequest const& request) const {
  auto const* const described = routed.described;
  bool const takes_json = described == nullptr || described->body != nullptr;
  if (!takes_json) return Json::object();
  auto body = parse_object(request.body);
  if (!body || described == nullptr) return body;
  if (routed.operation->read != nullptr)
    if (auto problem = routed.operation->read(*body)) return std::move(*problem);
  if (auto problem = contract_.check_body(*described, *body)) return std::move(*problem);
  return body;
}

awaitable<Outcome<net::HttpReply>> Backend::perform(Routed const& routed, Call const& call) {
  auto const handler = routed.operation->handler;
  bool const idempotent = routed.described != nullptr && routed.described->idempotent;
  if (!idempotent || !call.request.has("idempotency-key")) co_return co_await handler(parts_, call);
  std::string key(call.request.header("idempotency-key"));
  auto request = fingerprint(call);
  co_return co_await idempotency_.once(std::move(key), std::move(request), handler(parts_, call));
}

}  // namespace bridge::local
