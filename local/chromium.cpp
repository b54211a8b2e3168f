#include "local/chromium.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <regex>

namespace bridge::local {
namespace {

constexpr std::string_view kAnnouncement = "DevTools listening on ";
constexpr std::string_view kInstall = "sudo apt-get install chromium";
constexpr std::size_t kLineMax = 4096;
constexpr std::size_t kLinesKept = 4;
constexpr auto kVersionLimit = 20s;
constexpr auto kLastWords = 200ms;
constexpr auto kAskLimit = 5s;
constexpr auto kPagePause = 10ms;

bool is_program(std::string const& path) {
  std::error_code ec;
  return std::filesystem::is_regular_file(path, ec) && access(path.c_str(), X_OK) == 0;
}

std::optional<std::string> find_in_path(std::string const& name) {
  char const* const path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path;
  while (!rest.empty()) {
    auto const colon = rest.find(':');
    auto candidate = fmt::format("{}/{}", rest.substr(0, colon), name);
    if (candidate.front() == '/' && is_program(candidate)) return candidate;
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  return std::nullopt;
}

std::optional<std::string> resolve(std::string const& named) {
  if (named.find('/') == std::string::npos) return find_in_path(named);
  if (!is_program(named)) return std::nullopt;
  return named;
}

// A kept profile of a killed browser still names it as its owner; nobody else can have it: we hold
// the directory.
void clear_locks(std::filesystem::path const& profile) {
  std::error_code ignored;
  for (auto const name : {"SingletonLock", "SingletonSocket", "SingletonCookie"})
    std::filesystem::remove(profile / name, ignored);
}

std::string product_in(std::string_view version) {
  auto const body = nlohmann::json::parse(version, nullptr, false);
  auto const product = body.is_object() ? body.find("Browser") : body.end();
  return product != body.end() && product->is_string() ? product->get<std::string>() : "unknown";
}

bool has_page(std::string_view targets) {
  auto const list = nlohmann::json::parse(targets, nullptr, false);
  return list.is_array() && std::any_of(list.begin(), list.end(), [](auto const& target) {
           return target.is_object() && target.value("type", "") == "page";
         });
}

}  // namespace

Result<std::string> find_chromium(std::string const& configured) {
  auto named = configured;
  if (named.empty())
    if (char const* const variable = std::getenv("BCTRL_BRIDGE_CHROMIUM")) named = variable;
  if (!named.empty()) {
    if (auto program = resolve(named)) return *program;
    return Error::saying(
        Errc::not_found,
        fmt::format("the browser {} is not there, or not a program; name another, or install "
                    "Debian's: {}",
                    named, kInstall));
  }
  for (auto const name : {"chromium", "chromium-browser", "google-chrome"})
    if (auto program = find_in_path(name)) return *program;
  return Error::saying(Errc::not_found,
                       fmt::format("there is no Chromium; name the program with --chromium or "
                                   "BCTRL_BRIDGE_CHROMIUM, or install Debian's: {}",
                                   kInstall));
}

namespace {

awaitable<Result<std::string>> all_output(Process& process) {
  std::string text;
  for (;;) {
    auto bytes = co_await process.read_output();
    if (!bytes || text.size() > kLineMax) co_return text;
    text += *bytes;
  }
}

}  // namespace

awaitable<Result<std::string>> chromium_version(net::Loop& loop, std::string program) {
  std::vector<std::string> const arguments{"--version"};
  auto process = Process::spawn(loop, program, arguments);
  if (!process) co_return process.error();
  auto const text =
      co_await net::within(kVersionLimit, all_output(**process), "ask Chromium for its version");
  // Four numbers: Chrome and what is made of Chromium, and nothing else.
  static std::regex const number(R"(\b\d+(\.\d+){3}\b)");
  std::smatch found;
  if (text && std::regex_search(*text, found, number)) co_return found.str();
  co_return Error::saying(
      Errc::not_found,
      fmt::format("{} is no Chromium: with --version it prints none; name another, or install "
                  "Debian's: {}",
                  program, kInstall));
}

bool runs_unsandboxed() {
  return geteuid() == 0;
}

Chromium::Chromium(net::Loop& loop, ChromiumOptions options, Log log)
    : loop_(loop),
      options_(std::move(options)),
      log_(std::move(log)),
      tasks_(loop.executor()),
      announced_(loop.executor()) {}

namespace {

// Flags and not CDP emulation: they hold for every context and worker, and leave a controller free
// to emulate something else on top.
void put_plan(std::vector<std::string>& words, RuntimePlan const& plan) {
  if (plan.viewport)
    words.push_back(
        fmt::format("--window-size={},{}", plan.viewport->width, plan.viewport->height));
  if (!plan.user_agent.empty()) words.push_back("--user-agent=" + plan.user_agent);
  if (!plan.languages.empty()) {
    words.push_back("--lang=" + plan.languages.front());
    words.push_back(fmt::format("--accept-lang={}", fmt::join(plan.languages, ",")));
  }
  if (plan.proxy) {
    words.push_back(fmt::format("--proxy-server={}://{}", plan.proxy->protocol,
                                net::host_and_port(plan.proxy->host, plan.proxy->port)));
    // This machine's own addresses, too: a proxy is for everything.
    words.emplace_back("--proxy-bypass-list=<-loopback>");
  }
  if (plan.proxied_webrtc_only)
    words.emplace_back("--webrtc-ip-handling-policy=disable_non_proxied_udp");
  if (plan.extensions.empty()) return;
  std::vector<std::string> directories;
  for (auto const& one : plan.extensions) directories.push_back(one.string());
  words.push_back(fmt::format("--load-extension={}", fmt::join(directories, ",")));
}

}  // namespace

std::vector<std::string> Chromium::arguments(std::filesystem::path const& profile,
                                             RuntimePlan const& plan) const {
  std::vector<std::string> words{
      "--headless=new",
      "--remote-debugging-port=0",
      "--user-data-dir=" + profile.string(),
      "--no-first-run",
      "--no-default-browser-check",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-quic",
      // It asks for the time, for hints, for updates of what it comes with and for accounts, even
      // so; port 9 discards. The first: Chrome, from 137 on, loads extensions only without it.
      "--disable-features=DisableLoadExtensionCommandLineSwitch,NetworkTimeServiceQuerying,"
      "OptimizationHints",
      "--component-updater=url-source=http://127.0.0.1:9/",
      "--gaia-url=http://127.0.0.1:9",
      "--disable-gpu",
      // No crash dumps. Chromium 156 starts its crash handlers all the same, each in a session of
      // its own and out of reach of a group kill; they end with their browser, measured in 0.2 s.
      "--disable-breakpad",
      "--password-store=basic",
      "--use-mock-keychain",
  };
  if (runs_unsandboxed()) words.emplace_back("--no-sandbox");
  put_plan(words, plan);
  words.insert(words.end(), options_.flags.begin(), options_.flags.end());
  words.emplace_back("about:blank");
  return words;
}

awaitable<Result<void>> Chromium::start(std::filesystem::path profile, RuntimePlan const& plan) {
  clear_locks(profile);
  auto const words = arguments(profile, plan);
  // Else it makes a directory for crash reports in the user's own configuration.
  std::vector<std::string> variables{"BREAKPAD_DUMP_LOCATION=" +
                                     (profile / "Crash Reports").string()};
  if (!plan.timezone.empty()) variables.push_back("TZ=" + plan.timezone);
  auto process = Process::spawn(loop_, options_.program, words, variables);
  if (!process) co_return process.error();
  process_ = std::move(*process);
  tasks_.spawn("chromium output", drain());
  auto ready = co_await net::within(options_.start_limit, usable(), "wait for Chromium's DevTools");
  if (ready) {
    log_.debug("chromium {} is pid {}, devtools on port {}", product_, pid(), devtools_.port);
    co_return ready;
  }
  co_await stop();
  auto error = ready.error();
  error.doing += fmt::format(" ({})", epitaph());
  co_return error;
}

awaitable<Result<void>> Chromium::announced() {
  auto const first = co_await (announced_.wait() || process_->exited());
  if (first.index() == 1) co_return Error{Errc::end_of_stream, "start Chromium"};
  co_return Result<void>{};
}

awaitable<Result<void>> Chromium::usable() {
  auto const open = co_await announced();
  if (!open) co_return open;
  net::HttpClient client(loop_, net::Reach());
  auto const version = co_await ask(client, "/json/version");
  if (!version) co_return version.error();
  product_ = product_in(*version);
  // The port is open before there is a page, and clients expect the default context to have one.
  for (;;) {
    auto const targets = co_await ask(client, "/json/list");
    if (!targets) co_return targets.error();
    if (has_page(*targets)) co_return Result<void>{};
    co_await net::sleep_for(kPagePause);
  }
}

awaitable<Result<std::string>> Chromium::ask(net::HttpClient& client, std::string target) {
  auto url = devtools_.with_target(std::move(target));
  url.scheme = "http";
  net::HttpRequest request;
  request.method = "GET";
  auto reply = co_await client.send(std::move(url), std::move(request), kAskLimit);
  if (!reply) co_return reply.error();
  co_return std::move(reply->body);
}

awaitable<Result<void>> Chromium::exited() {
  return process_->exited();
}

awaitable<void> Chromium::stop() {
  if (!process_) co_return;
  process_->interrupt();
  auto const ended = co_await net::within(options_.stop_limit, process_->exited(), "stop Chromium");
  if (!ended) {
    log_.warn("chromium did not end in time and was killed");
    process_->kill();
    [[maybe_unused]] auto const killed = co_await process_->exited();
  }
  // What it said last is still in the pipe; a stranger that kept the pipe open does not hold us up.
  co_await (tasks_.join() || net::sleep_for(kLastWords));
  tasks_.stop();
  co_await tasks_.join();
}

void Chromium::kill() {
  if (process_) process_->kill();
}

awaitable<void> Chromium::drain() {
  for (;;) {
    auto bytes = co_await process_->read_output();
    if (!bytes) co_return;
    half_line_ += *bytes;
    for (auto end = half_line_.find('\n'); end != std::string::npos; end = half_line_.find('\n')) {
      take_line(std::string_view(half_line_).substr(0, end));
      half_line_.erase(0, end + 1);
    }
    if (half_line_.size() > kLineMax) half_line_.clear();
  }
}

void Chromium::take_line(std::string_view line) {
  if (line.empty()) return;
  if (auto const at = line.find(kAnnouncement); at != std::string_view::npos) {
    // Not logged: whoever knows this address passes by the controller lock.
    auto url = net::parse_url(line.substr(at + kAnnouncement.size()));
    if (url && url->scheme == "ws" && net::is_loopback_host(url->host)) {
      devtools_ = std::move(*url);
      announced_.notify();
    }
    return;
  }
  log_.debug("chromium: {}", line);
  // A machine without D-Bus gets dozens of these; they would push out what matters.
  if (line.find(":dbus/") != std::string_view::npos) return;
  last_lines_.emplace_back(log::redact(line));
  if (last_lines_.size() > kLinesKept) last_lines_.pop_front();
}

std::string Chromium::epitaph() const {
  auto const ending =
      process_ && !process_->ending().empty() ? process_->ending() : "did not start";
  if (last_lines_.empty()) return fmt::format("Chromium {}", ending);
  return fmt::format("Chromium {}; it said: {}", ending, fmt::join(last_lines_, " / "));
}

}  // namespace bridge::local
