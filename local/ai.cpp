#include "local/ai.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace bridge::local {
namespace {

constexpr auto kCheckLimit = 10s;
constexpr auto kKnownFor = 5min;
constexpr auto kUnknownFor = 20s;  // a provider that does not answer is not waited for each time
constexpr std::size_t kReplyMax = 8U << 20;
constexpr std::size_t kCredentialsMax = 32;

std::string sealed_for(std::string_view id) {
  return fmt::format("ai_credential:{}", id);
}

net::HttpRequest get_request(AiEndpoint const& endpoint) {
  net::HttpRequest request;
  request.method = "GET";
  request.headers = endpoint.authorization();
  request.headers.emplace_back("Accept", "application/json");
  return request;
}

double seconds_since(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

Problem no_model(std::string why) {
  Problem problem(503, "invocation.dispatch_unavailable", std::move(why),
                  "Create an AI credential, and name it or its model in the request or in the "
                  "space's environment.");
  problem.details = R"({"reason":"no_model"})";
  return problem;
}

/// What of a request says which model.
struct Wanted {
  std::string model;
  std::string provider;    // empty: any
  std::string base;        // empty: the provider's own
  std::string credential;  // id or name; empty: any
  std::string key;         // of the request itself
  bool managed = false;
};

Wanted read_wanted(Json const& selection) {
  Wanted wanted;
  if (selection.is_string()) wanted.model = selection;
  if (!selection.is_object()) return wanted;
  wanted.model = selection.value("model", "");
  wanted.provider = selection.value("provider", "");
  wanted.base = selection.value("baseUrl", "");
  auto const auth = selection.value("auth", Json());
  wanted.managed = auth == "managed";
  if (!auth.is_object()) return wanted;
  wanted.credential = auth.value("credential", "");
  wanted.key = auth.value("apiKey", "");
  return wanted;
}

// Gateways take "vendor/model" as it is.
bool takes_any_vendor(std::string_view provider) {
  return provider == "openrouter" || provider == "vercel-ai-gateway" || provider == "togetherai" ||
         provider == "custom";
}

std::string_view front_of(std::string_view model) {
  auto const slash = model.find('/');
  return slash == std::string_view::npos ? std::string_view() : model.substr(0, slash);
}

// "openai/gpt-4o" is "gpt-4o" to OpenAI itself.
std::string model_for(std::string_view provider, std::string const& model) {
  if (front_of(model) == provider) return model.substr(provider.size() + 1);
  return model;
}

std::string text_member(Document const& document, char const* name) {
  return Json::parse(document.body).value(name, "");
}

/// The credential that suits best: one that was asked for by its provider, else one of the vendor
/// that the model's name begins with, else a gateway, else the first.
Document const* best(std::vector<Document> const& usable, Wanted const& wanted) {
  auto const with = [&](auto fits) -> Document const* {
    auto const found = std::find_if(usable.begin(), usable.end(), [&](Document const& one) {
      return fits(text_member(one, "provider"));
    });
    return found == usable.end() ? nullptr : &*found;
  };
  if (!wanted.provider.empty())
    return with([&](std::string const& provider) { return provider == wanted.provider; });
  if (auto const vendor = front_of(wanted.model); !vendor.empty()) {
    if (auto const* own = with([&](std::string const& provider) { return provider == vendor; }))
      return own;
    if (auto const* any = with(takes_any_vendor)) return any;
  }
  if (!wanted.model.empty()) return usable.empty() ? nullptr : &usable.front();
  for (auto const& one : usable)
    if (!text_member(one, "defaultModel").empty()) return &one;
  return nullptr;
}

/// The credential that `wanted` names, or else the best.
Outcome<Document const*> choose(std::vector<Document> const& usable, Wanted const& wanted) {
  if (wanted.credential.empty()) {
    if (auto const* const found = best(usable, wanted)) return found;
    return no_model("No AI credential of this backend opens such a model.");
  }
  for (auto const& one : usable)
    if (one.id == wanted.credential || text_member(one, "name") == wanted.credential) return &one;
  return no_model(fmt::format("AI credential \"{}\" is not there, disabled, or not mounted.",
                              wanted.credential));
}

/// Of a request that brings its own key.
Outcome<AiEndpoint> endpoint_of(Wanted const& wanted) {
  AiEndpoint endpoint;
  endpoint.provider = wanted.provider;
  if (wanted.provider.empty()) endpoint.provider = front_of(wanted.model);
  auto const known = known_base(endpoint.provider);
  if (known.empty() && wanted.base.empty())
    return no_model("The request has a key, but not whose it is: name a provider or a baseUrl.");
  auto base = read_base(wanted.base.empty() ? known : std::string_view(wanted.base));
  if (!base) return Problem::invalid("model.baseUrl", "model.baseUrl must be an http address.");
  endpoint.base = std::move(*base);
  endpoint.key = Secret(wanted.key);
  return endpoint;
}

}  // namespace

std::string Ai::seal_key(std::string_view id, std::string_view key) {
  return seal_.seal(key, sealed_for(id));
}

AiEndpoint Ai::endpoint_of(Document const& credential) const {
  auto const body = Json::parse(credential.body);
  AiEndpoint endpoint;
  endpoint.provider = body.at("provider");
  endpoint.base = body.value("baseUrl", std::string(known_base(endpoint.provider)));
  if (auto const sealed = body.find("sealed"); sealed != body.end())
    endpoint.key =
        Secret(seal_.unseal(sealed->get_ref<std::string const&>(), sealed_for(credential.id)));
  return endpoint;
}

awaitable<Ai::Check> Ai::check(AiEndpoint endpoint) {
  Check check;
  auto url = endpoint.url(check_path(endpoint.provider));
  if (!url) {
    check.error = "the base URL is no address";
    co_return check;
  }
  auto request = get_request(endpoint);
  auto const begun = Clock::now();
  auto const reply =
      co_await outside_.send(std::move(*url), std::move(request), kCheckLimit, kReplyMax);
  check.seconds = seconds_since(begun);
  if (!reply) {
    check.error = reply.error().text();
    co_return check;
  }
  check.ok = reply->status == 200;
  check.refused = !check.ok;
  if (check.refused) check.error = refusal_text(*reply, endpoint.key);
  co_return check;
}

awaitable<void> Ai::learn_one(Document const& credential) {
  auto const found = known_.find(credential.id);
  if (found != known_.end() && found->second.of == credential.updated_at &&
      Clock::now() < found->second.until)
    co_return;
  auto const endpoint = endpoint_of(credential);
  Known known;
  known.of = credential.updated_at;
  known.until = Clock::now() + kUnknownFor;
  known.models = "[]";
  auto url = endpoint.url("/models");
  if (url) {
    auto request = get_request(endpoint);
    auto const reply =
        co_await outside_.send(std::move(*url), std::move(request), kCheckLimit, kReplyMax);
    if (reply && reply->status == 200) {
      if (auto models = read_models(endpoint.provider, reply->body)) {
        known.models = to_text(*models);
        known.until = Clock::now() + kKnownFor;
      }
    }
  }
  known_.insert_or_assign(credential.id, std::move(known));
}

// All at once: one slow provider is enough to wait for.
awaitable<void> Ai::learn(std::span<Document const> credentials) {
  if (credentials.empty()) co_return;
  if (credentials.size() == 1) {
    co_await learn_one(credentials.front());
    co_return;
  }
  auto const half = credentials.size() / 2;
  auto const first = credentials.first(half);
  auto const second = credentials.subspan(half);
  co_await (learn(first) && learn(second));
}

awaitable<Json> Ai::models(std::optional<std::string> owner) {
  DocumentFilter filter;
  filter.scope = std::move(owner);
  filter.members.push_back({"status", {"enabled"}});
  auto enabled = credentials_.all(filter);
  if (enabled.size() > kCredentialsMax) enabled.resize(kCredentialsMax);
  std::span<Document const> const all(enabled);
  co_await learn(all);
  auto models = Json::array();
  std::set<std::pair<std::string, std::string>> seen;
  for (auto const& credential : enabled) {
    auto const known = known_.find(credential.id);
    if (known == known_.end()) continue;  // it aged while another list was asked for
    for (auto const& model : Json::parse(known->second.models))
      if (seen.emplace(model.at("provider"), model.at("id")).second) models.push_back(model);
  }
  std::erase_if(known_, [](auto const& entry) { return entry.second.until < Clock::now(); });
  co_return models;
}

std::vector<Document> Ai::usable(std::string const& owner, Json const& environment) {
  DocumentFilter filter;
  filter.scope = owner;
  filter.members.push_back({"status", {"enabled"}});
  auto credentials = credentials_.all(filter);
  auto const mount = environment.value("ai", Json());
  if (!mount.is_object() || !mount.contains("credentialIds")) return credentials;
  auto const& ids = mount.at("credentialIds");
  std::erase_if(credentials, [&](Document const& one) {
    return std::find(ids.begin(), ids.end(), one.id) == ids.end();
  });
  return credentials;
}

Json Ai::selection_of(Json const& environment, Json const& wanted, std::string_view engine) {
  Json::json_pointer const standard(fmt::format("/ai/defaults/{}", engine));
  return wanted.is_null() && environment.contains(standard) ? environment.at(standard) : wanted;
}

Outcome<Ai::Choice> Ai::resolve_model(std::string const& owner, Json const& environment,
                                      Json const& selection) {
  auto const wanted = read_wanted(selection);
  if (wanted.managed) return no_model("A local backend has no managed models.");
  Choice choice;
  if (!wanted.key.empty()) {
    auto endpoint = local::endpoint_of(wanted);
    if (!endpoint) return endpoint.error();
    choice.endpoint = std::move(*endpoint);
    choice.model = model_for(choice.endpoint.provider, wanted.model);
  } else {
    auto const credentials = usable(owner, environment);
    auto const found = choose(credentials, wanted);
    if (!found) return found.error();
    choice.endpoint = endpoint_of(**found);
    choice.model =
        model_for(choice.endpoint.provider,
                  wanted.model.empty() ? text_member(**found, "defaultModel") : wanted.model);
  }
  if (choice.model.empty())
    return no_model("Neither the request nor the credential names a model.");
  return choice;
}

}  // namespace bridge::local
