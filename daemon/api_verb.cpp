#include "daemon/api_verb.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/algorithm/string/case_conv.hpp>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "api/rest_client.hpp"
#include "config/address.hpp"
#include "daemon/api_form.hpp"
#include "daemon/control_client.hpp"
#include "daemon/failure.hpp"
#include "daemon/reaching.hpp"
#include "net/tasks.hpp"

namespace bridge {
namespace {

using Json = nlohmann::ordered_json;

constexpr auto kSilence = 10min;  // a wait of the API may take its time
constexpr std::size_t kErrorMax = 64 * 1024;
constexpr std::size_t kPagesMax = 10'000;
constexpr std::string_view kLocalAlone = "http://127.0.0.1:8787/v1";

int fail(int code, std::string_view line) {
  std::fflush(stdout);
  fmt::print(stderr, "bctrl-bridge: {}\n", log::redact(line));
  return code;
}

// As a bridge would end for it; what a bridge never meets is a plain failure.
int exit_of(api::ApiError const& error) {
  bool const known = error.is_auth() || error.is_busy() || error.is_quota() ||
                     error.is_transport() || error.status >= 500 || error.status == 429;
  return known ? failure_of(error, "").kind().exit : exit_code::failure;
}

int fail(api::ApiError const& error) {
  return fail(exit_of(error), error.text());
}

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

std::string cannot_write_text(std::string_view what, boost::system::error_code const& why) {
  return fmt::format("cannot write {}: {}", what, why.message());
}

// Before anything is asked for: what has been done cannot be taken back when its answer has no
// place.
std::optional<std::string> obstacle_to(std::string const& output) {
  std::filesystem::path const path(output);
  std::error_code ec;
  if (output.empty()) return std::nullopt;
  if (std::filesystem::is_directory(path, ec))
    return cannot_write_text(output, make_error_code(boost::system::errc::is_a_directory));
  auto const folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  auto const& asked = std::filesystem::exists(path, ec) ? path : folder;
  if (::access(asked.c_str(), W_OK) == 0) return std::nullopt;
  return cannot_write_text(output, {errno, boost::system::system_category()});
}

/// A JSON document for a person; what is none stays as it is.
std::string indented(std::string const& text) {
  auto const json = Json::parse(text, nullptr, false);
  return json.is_discarded() ? text
                             : json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool is_json(net::HttpReply const& head) {
  return head.header("content-type").starts_with("application/json");
}

/// Puts a reply where the user wants it, as it comes.
class Printer final : public net::ReplyReceiver {
 public:
  explicit Printer(ApiVerb const& verb) : verb_(verb) {}

  Result<void> begin(net::HttpReply const& head) override {
    head_ = head;
    if (verb_.show_head) {
      print(fmt::format("HTTP/1.1 {} {}\n", head.status, net::http_reason(head.status)));
      for (auto const& [name, value] : head.headers) print(fmt::format("{}: {}\n", name, value));
      print("\n");
    }
    if (verb_.output.empty() || !succeeded()) {
      whole_ = is_json(head) && ::isatty(STDOUT_FILENO) == 1;
      return {};
    }
    file_.reset(std::fopen(verb_.output.c_str(), "wbe"));
    if (file_) return {};
    return cannot_write();
  }

  Result<void> take(std::string_view piece) override {
    bool const fits = kept_.size() + piece.size() <= kErrorMax;
    if (whole_ && !fits) {
      whole_ = false;
      print(kept_);
    } else if (fits && (whole_ || !succeeded())) {
      kept_ += piece;
    }
    auto* const out = file_ ? file_.get() : stdout;
    if (!whole_ && std::fwrite(piece.data(), 1, piece.size(), out) != piece.size())
      return cannot_write();
    last_ = piece.back();
    if (!file_) std::fflush(stdout);  // a stream is read by somebody who waits for its next line
    return {};
  }

  /// What kept us from writing, which is no fault of the API.
  [[nodiscard]] std::string const& obstacle() const { return obstacle_; }

  [[nodiscard]] int finish() {
    if (whole_) print(indented(kept_));
    if (!whole_ && !file_ && is_json(head_) && last_ != '\n') print("\n");
    if (file_ && std::fclose(file_.release()) != 0)
      return fail(exit_code::failure, fmt::format("cannot write {}", verb_.output));
    if (succeeded()) return exit_code::ok;
    auto reply = head_;
    reply.body = kept_;
    return fail(api::reply_error(reply));
  }

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  Error cannot_write() {
    Error error({errno, boost::system::system_category()}, "write the answer");
    obstacle_ = cannot_write_text(file_name(), error.code);
    return error;
  }

  [[nodiscard]] std::string file_name() const {
    return verb_.output.empty() || !succeeded() ? "the answer" : verb_.output;
  }

  [[nodiscard]] bool succeeded() const { return head_.status >= 200 && head_.status < 300; }

  ApiVerb const& verb_;
  net::HttpReply head_;
  std::unique_ptr<std::FILE, Closer> file_;
  std::string kept_;  // of an error, and of what is printed as a whole
  std::string obstacle_;
  bool whole_ = false;
  char last_ = '\n';
};

/// One run of the verb.
class ApiCall {
 public:
  ApiCall(ApiVerb const& verb, config::Loaded const& loaded, config::Env const& env)
      : verb_(verb), loaded_(loaded), env_(env), method_(boost::to_upper_copy(verb.method)) {}

  int run() {
    if (auto const failed = check()) return *failed;
    if (auto const failed = find_server()) return *failed;
    if (auto const failed = build()) return *failed;
    net::Tasks tasks(loop_.executor());
    tasks.spawn("api", verb_.paginate ? walk() : ask());
    loop_.run();
    return exit_;
  }

 private:
  [[nodiscard]] bool reads() const { return method_ == "GET" || method_ == "HEAD"; }

  std::optional<int> check() const {
    bool const known =
        std::all_of(method_.begin(), method_.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    if (!known || method_.empty())
      return fail(exit_code::usage, fmt::format("no such method: {}", verb_.method));
    bool const more = !verb_.input.empty() || !verb_.output.empty() || !verb_.form.empty();
    if (verb_.paginate && (method_ != "GET" || more || verb_.show_head))
      return fail(exit_code::usage, "--paginate is for a GET that prints what it gets");
    auto const& path = verb_.path;
    if (std::any_of(path.begin(), path.end(),
                    [](unsigned char c) { return c <= ' ' || c == 0x7f || c == '#'; }))
      return fail(
          exit_code::usage,
          "a path has no spaces, control characters or '#': write them as %20 and so on, or "
          "give a query with -f name=value");
    if (auto const obstacle = obstacle_to(verb_.output)) return fail(exit_code::failure, *obstacle);
    return std::nullopt;
  }

  // The configuration says which; the local backend is where the daemon says, or `local` alone. An
  // address of its own says where, too.
  std::optional<int> find_server() {
    auto reaching = make_reach(loaded_.config.api, env_);
    if (!reaching) return fail(exit_code::configuration, reaching.error().text());
    reaching_ = std::move(*reaching);
    auto const& base_url = loaded_.config.api.base_url;
    if (loaded_.config.backend == config::Backend::local && !is_address_given())
      return find_local();
    auto const at = config::split_address(base_url);
    if (!at || at->userinfo)
      return fail(exit_code::configuration, "api.base_url: not an address; write https://HOST/v1");
    if (at->scheme != "https" && !config::is_loopback(at->host))
      return fail(exit_code::configuration,
                  "api.base_url: anything but https would send the API key in clear");
    auto key = find_configured_key(loaded_, env_);
    if (!key)
      return fail(exit_code::authentication,
                  fmt::format("{} needs a key; {}", at->origin(), key.error().text()));
    return take(base_url, std::move(key->key));
  }

  // A flag is meant for us. What the environment has for the vendor's tools, too, counts unless
  // somebody chose the local backend in so many words.
  [[nodiscard]] bool is_address_given() const {
    auto const kind = loaded_.origins.of("api.base_url").kind;
    if (kind == config::Origin::Kind::flag) return true;
    return kind == config::Origin::Kind::env && !loaded_.origins.has("backend");
  }

  std::optional<int> find_local() {
    auto const status = ask_daemon(env_, "GET", "/status");
    std::string base(kLocalAlone);
    if (status.exit == exit_code::ok) {
      auto const backend = Json::parse(status.body).at("backend");
      if (backend.at("kind") != "local")
        return fail(exit_code::configuration,
                    "the running daemon does not use the local backend, and the configuration that "
                    "is read here does. Name the same one: --config, --backend, --api-key-file");
      base = backend.at("baseUrl").get<std::string>();
    } else if (!is_local_alone()) {
      return fail(
          exit_code::no_daemon,
          fmt::format("no local backend answers ({}). Start one with `bctrl-bridge serve` or "
                      "`bctrl-bridge local`; for the cloud, set BCTRL_API_KEY",
                      status.error));
    }
    return take(base, Secret(kKeylessKey));
  }

  bool is_local_alone() {
    bool answers = false;
    net::Tasks tasks(loop_.executor());
    tasks.spawn("look", look_for_local(answers));
    loop_.run();
    loop_.io().restart();
    return answers;
  }

  awaitable<void> look_for_local(bool& answers) {
    auto url = net::parse_url(kLocalAlone).value().with_target("/_local/health");
    net::HttpRequest request;
    request.method = "GET";
    net::HttpClient client(loop_, {});
    auto const reply = co_await client.send(std::move(url), std::move(request), 2s);
    answers = reply && reply->status == 200 && reply->body.find("\"ok\"") != std::string::npos;
  }

  std::optional<int> take(std::string_view base_url, Secret key) {
    auto server = api::Server::make(base_url, std::move(key));
    if (!server) return fail(exit_code::configuration, server.error().text());
    server_ = std::move(*server);
    return std::nullopt;
  }

  // "/v1/x", "v1/x", "/x" and "x" are the same; "/_local/x" is beside "/v1".
  void set_path() {
    auto path = verb_.path;
    if (!path.starts_with('/')) path.insert(path.begin(), '/');
    if (path.starts_with("/v1/")) path.erase(0, 3);
    if (path.starts_with("/_local/")) server_->base.target.resize(server_->base.target.size() - 3);
    path_ = std::move(path);
  }

  std::optional<int> build() {
    set_path();
    auto const wrong = [](Error const& error) { return fail(exit_code::usage, error.text()); };
    bool const in_query = reads() || method_ == "DELETE" || !verb_.input.empty();
    if (in_query || !verb_.form.empty()) {
      auto path = fields_to_query(path_, verb_.fields);
      if (!path) return wrong(path.error());
      path_ = std::move(*path);
    }
    request_ = server_->request(method_);
    request_.headers.emplace_back("Accept", "application/json, text/event-stream, */*;q=0.8");
    for (auto const& header : verb_.headers) {
      if (header.find_first_of("\r\n") != std::string::npos)
        return wrong(Error::saying(Errc::refused, "a header is one line"));
      auto const colon = header.find(':');
      if (colon == 0 || colon == std::string::npos)
        return wrong(Error::saying(Errc::refused, "a header is written as 'Name: value'"));
      auto const name = boost::trim_copy(header.substr(0, colon));
      if (boost::iequals(name, "Content-Length") || boost::iequals(name, "Transfer-Encoding"))
        return wrong(Error::saying(Errc::refused, name + " follows from what is sent"));
      auto value = boost::trim_copy(header.substr(colon + 1));
      net::set_header(request_.headers, name, value);
      extra_.emplace_back(name, std::move(value));
    }
    auto body = !verb_.form.empty()    ? ApiBody::form(verb_.form)
                : !verb_.input.empty() ? ApiBody::file(verb_.input)
                                       : Result<std::unique_ptr<ApiBody>>(nullptr);
    if (!body) return wrong(body.error());
    body_ = std::move(*body);
    if (!body_ && !in_query && !verb_.fields.empty()) {
      auto json = fields_to_json(verb_.fields);
      if (!json) return wrong(json.error());
      request_.body = std::move(*json);
    }
    if ((body_ || !request_.body.empty()) && !request_.has("Content-Type"))
      request_.headers.emplace_back("Content-Type",
                                    body_ ? body_->content_type() : "application/json");
    return std::nullopt;
  }

  awaitable<void> ask() {
    Printer printer(verb_);
    auto url = server_->base.with_target(server_->base.target + path_);
    auto const done = co_await net::transfer(loop_, reaching_.reach, url, request_, body_.get(),
                                             printer, kSilence);
    if (done)
      exit_ = printer.finish();
    else if (!printer.obstacle().empty())
      exit_ = fail(exit_code::failure, printer.obstacle());
    else
      exit_ = fail(api::network_error(done.error()));
  }

  // All pages as one list.
  awaitable<void> walk() {
    api::RestOptions options;
    options.timeout = loaded_.config.api.timeout;
    options.headers = extra_;
    api::RestClient client(loop_, reaching_.reach, *server_, options);
    auto all = Json::array();
    std::set<std::string> cursors;
    for (std::string cursor;;) {
      auto path = path_;
      if (!cursor.empty())
        path += fmt::format("{}cursor={}", path.find('?') == std::string::npos ? '?' : '&',
                            net::percent_encode(cursor));
      auto const answer = co_await client.ask("GET", path);
      if (!answer) {
        exit_ = fail(answer.error());
        co_return;
      }
      auto const page = Json::parse(answer->body, nullptr, false);
      if (!page.is_object() || !page.contains("data") || !page["data"].is_array()) {
        exit_ = fail(exit_code::usage, "this is no list: leave --paginate out");
        co_return;
      }
      for (auto const& item : page["data"]) all.push_back(item);
      auto const next = page.find("nextCursor");
      if (next == page.end() || !next->is_string()) break;
      cursor = next->get<std::string>();
      if (cursors.size() == kPagesMax || !cursors.insert(cursor).second) {
        exit_ = fail(exit_code::failure, "the server's list does not end: it repeats a cursor");
        co_return;
      }
    }
    exit_ = exit_code::ok;
    print(indented(
        Json{{"data", std::move(all)}}.dump(-1, ' ', false, Json::error_handler_t::replace)));
  }

  ApiVerb const& verb_;
  config::Loaded const& loaded_;
  config::Env const& env_;
  std::string method_;
  net::Loop loop_;
  Reaching reaching_;
  std::optional<api::Server> server_;
  std::string path_;  // below the base, with its query
  net::HttpRequest request_;
  net::HttpHeaders extra_;  // of -H
  std::unique_ptr<ApiBody> body_;
  int exit_ = exit_code::failure;
};

}  // namespace

int call_api(ApiVerb const& verb, config::Loaded const& loaded, config::Env const& env) {
  log::setup(loaded.config.logging.level, loaded.config.logging.format);
  return ApiCall(verb, loaded, env).run();
}

}  // namespace bridge
