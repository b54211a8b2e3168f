#include "config/key.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <istream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "config/address.hpp"
#include "config/paths.hpp"
#include "config/read_file.hpp"
#include "config/text.hpp"

namespace bridge::config {
namespace {

constexpr std::size_t kLargestKey = 4096;
constexpr std::size_t kLargestMetadata = 1U << 20;

/// Nothing: this place has no key, look further.
using Found = Result<std::optional<ApiKey>>;

bool is_missing(Error const& error) {
  return error.code == boost::system::errc::no_such_file_or_directory ||
         error.code == boost::system::errc::not_a_directory;
}

// A key goes into a header as it is, so a space or line end in it is a mistake, or an injection.
Result<ApiKey> checked(std::string_view text, std::string source) {
  auto const key = trimmed(text);
  if (key.empty()) return Error::saying(Errc::refused, source + " holds no API key; it is empty");
  if (key.find('\n') != std::string_view::npos)
    return Error::saying(Errc::refused, source + " holds more than one line; an API key is one");
  auto const printable = [](char c) { return c > 0x20 && c < 0x7f; };
  if (!std::all_of(key.begin(), key.end(), printable) || key.size() > kLargestKey)
    return Error::saying(Errc::refused, source + " holds something that is not an API key");
  return ApiKey{.key = Secret(std::string(key)), .source = std::move(source)};
}

Found as_found(Result<ApiKey> key) {
  if (!key) return key.error();
  return std::optional(std::move(*key));
}

std::string without_slashes(std::string_view url) {
  std::string out(trimmed(url));
  while (out.ends_with('/')) out.pop_back();
  return out;
}

class Search {
 public:
  explicit Search(KeySources const& sources) : sources_(sources), env_(sources.env) {}

  Result<ApiKey> run() {
    if (sources_.flag_file == "-") return from_input();
    if (!sources_.flag_file.empty()) return from_named(sources_.flag_file);
    for (auto const place :
         {&Search::environment, &Search::configured_file, &Search::credential, &Search::login}) {
      auto found = (this->*place)();
      if (!found) return found.error();
      if (*found) return std::move(**found);
    }
    return Error::saying(
        Errc::not_found,
        fmt::format("looked for an API key in {}; set BCTRL_API_KEY, name a file with "
                    "--api-key-file or api.key_file, or use --backend local",
                    fmt::join(looked_, ", ")));
  }

 private:
  void looked(std::string place) { looked_.push_back(std::move(place)); }

  Result<ApiKey> from_input() {
    if (sources_.input == nullptr) return Error{Errc::not_found, "standard input"};
    std::string text(kLargestKey + 1, '\0');
    sources_.input->read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(sources_.input->gcount()));
    return checked(text, "standard input");
  }

  static Result<ApiKey> from_named(std::string const& file) {
    auto const text = read_private_file(file);
    if (!text) return text.error();
    return checked(*text, "file " + file);
  }

  Found configured_file() {
    if (!sources_.file.empty()) return as_found(from_named(sources_.file));
    looked("a key file (none is named)");
    return std::nullopt;
  }

  Found environment() {
    auto const text = env_text(env_, "BCTRL_API_KEY");
    if (!text.empty()) return as_found(checked(text, "environment BCTRL_API_KEY"));
    looked("the environment (BCTRL_API_KEY is not set)");
    return std::nullopt;
  }

  // systemd opens a credential to its user with an access list, which shows as mode 0440: no check
  // of the mode here.
  Found credential() {
    auto const directory = env_text(env_, "CREDENTIALS_DIRECTORY");
    if (directory.empty()) {
      looked("systemd's credentials (none are passed)");
      return std::nullopt;
    }
    auto const text = read_file(directory + "/api-key", kLargestKey);
    if (!text && !is_missing(text.error())) return text.error();
    if (text && !trimmed(*text).empty())
      return as_found(checked(*text, "systemd credential api-key"));
    looked("systemd's credentials (api-key is missing or empty)");
    return std::nullopt;
  }

  [[nodiscard]] std::string login_file() const {
    std::string given(trimmed(env_text(env_, "BCTRL_AUTH_FILE")));
    if (!given.empty()) return given;
    std::string directory(trimmed(env_text(env_, "BCTRL_CONFIG_DIR")));
    if (directory.empty()) {
      directory = trimmed(env_text(env_, "XDG_CONFIG_HOME"));
      if (directory.empty() && !home_dir(env_).empty()) directory = home_dir(env_) + "/.config";
      if (!directory.empty()) directory += "/bctrl";
    }
    return directory.empty() ? "" : directory + "/auth.json";
  }

  // The login is valid for one base URL only; unreadable metadata means logged out, as it does for
  // the CLI.
  Found login() {
    auto const file = login_file();
    auto const none = [&](std::string_view why) {
      looked(fmt::format("the BCTRL CLI's login ({})", why));
      return std::nullopt;
    };
    if (file.empty()) return none("HOME is not set");
    auto const text = read_file(file, kLargestMetadata);
    if (!text) return none(fmt::format("{}", text.error().text()));
    auto const metadata = nlohmann::json::parse(*text, nullptr, false);
    if (!metadata.is_object() || !metadata.contains("apiBaseUrl") ||
        !metadata["apiBaseUrl"].is_string())
      return none(file + " is not a login");
    auto const base = without_slashes(metadata["apiBaseUrl"].get<std::string>());
    if (base != without_slashes(sources_.base_url)) return none(file + " is for another base URL");
    auto const secret = file.substr(0, file.rfind('/') + 1) + login_secret_name(base);
    auto const key = read_private_file(secret);
    if (!key && is_missing(key.error()))
      return none("its key is in a keychain; `bctrl auth token` prints it");
    if (!key) return key.error();
    return as_found(checked(*key, "BCTRL CLI login"));
  }

  KeySources const& sources_;
  Env const& env_;
  std::vector<std::string> looked_;
};

}  // namespace

std::string credential_file(Env const& env) {
  auto const directory = env_text(env, "CREDENTIALS_DIRECTORY");
  if (directory.empty()) return "";
  auto const file = directory + "/api-key";
  auto const text = read_file(file, kLargestKey);
  return text && !trimmed(*text).empty() ? file : "";
}

std::string login_secret_name(std::string_view base_url) {
  constexpr std::size_t kShownBytes = 12;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  EVP_Digest(base_url.data(), base_url.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return fmt::format("bctrl-{:02x}.secret",
                     fmt::join(digest.begin(), digest.begin() + kShownBytes, ""));
}

Result<ApiKey> find_api_key(KeySources const& sources) {
  auto found = Search(sources).run();
  if (!found || !found->key.reveal().starts_with("local_")) return found;
  auto const at = split_address(sources.base_url);
  if (at && is_loopback(at->host)) return found;
  return Error::saying(Errc::refused,
                       found->source +
                           " holds a key of the local backend (local_...), which is not sent to "
                           "another machine; use --backend local, or a key of the cloud");
}

}  // namespace bridge::config
