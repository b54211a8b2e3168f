#include "local/providers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/redact.hpp"

namespace bridge::local {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr std::array kBases{
    Pair{"openai", "https://api.openai.com/v1"},
    Pair{"anthropic", "https://api.anthropic.com/v1"},
    Pair{"google", "https://generativelanguage.googleapis.com/v1beta/openai"},
    Pair{"groq", "https://api.groq.com/openai/v1"},
    Pair{"deepseek", "https://api.deepseek.com/v1"},
    Pair{"mistral", "https://api.mistral.ai/v1"},
    Pair{"cerebras", "https://api.cerebras.ai/v1"},
    Pair{"openrouter", "https://openrouter.ai/api/v1"},
    Pair{"xai", "https://api.x.ai/v1"},
    Pair{"perplexity", "https://api.perplexity.ai"},
    Pair{"togetherai", "https://api.together.xyz/v1"},
    Pair{"vercel-ai-gateway", "https://ai-gateway.vercel.sh/v1"},
};
// AiModel.provider of the contract, where "custom" is none.
constexpr std::array<std::string_view, 21> kVendors{
    "openai",     "anthropic",  "google",           "azure", "groq",       "deepseek",
    "mistral",    "cerebras",   "openrouter",       "xai",   "perplexity", "togetherai",
    "minimax",    "tencent",    "xiaomi",           "z-ai",  "mistralai",  "x-ai",
    "moonshotai", "meta-llama", "vercel-ai-gateway"};
constexpr auto kAnthropicVersion = "2023-06-01";
constexpr std::size_t kModelsMax = 1000;
constexpr std::size_t kIdMax = 200;
constexpr std::size_t kTextMax = 300;

bool is_vendor(std::string_view name) {
  return std::find(kVendors.begin(), kVendors.end(), name) != kVendors.end();
}

// A custom provider speaks OpenAI's language whoever it is; some say in front of the name whose
// model it is.
std::string vendor_of(std::string_view provider, std::string_view model) {
  if (provider != "custom") return std::string(provider);
  auto const front = model.substr(0, model.find('/'));
  return front.size() < model.size() && is_vendor(front) ? std::string(front) : "openai";
}

bool lists(Json const& model, std::string_view member, std::string_view wanted) {
  auto const values = model.find(member);
  return values != model.end() && values->is_array() &&
         std::find(values->begin(), values->end(), wanted) != values->end();
}

Json view_of(std::string_view provider, Json const& model) {
  auto const& id = model.at("id").get_ref<std::string const&>();
  auto const name = model.value("name", Json());
  auto const shape = model.value("architecture", Json::object());
  constexpr auto kParameters = "supported_parameters";  // OpenRouter's
  Json view{{"id", id},
            {"displayName", name.is_string() ? name : Json(id)},
            {"provider", vendor_of(provider, id)},
            {"engines", Json::array({"stagehand", "browserUse"})},
            {"managed", false},
            {"status", "experimental"}};
  view["supportsTools"] = lists(model, kParameters, "tools");
  view["supportsStructuredOutput"] = lists(model, kParameters, "structured_outputs");
  view["supportsReasoningEffort"] = lists(model, kParameters, "reasoning");
  view["supportsThinkingBudget"] = false;
  view["supportsVision"] = shape.is_object() && lists(shape, "input_modalities", "image");
  return view;
}

bool is_model(Json const& model) {
  if (!model.is_object()) return false;
  auto const id = model.find("id");
  return id != model.end() && id->is_string() && !id->get_ref<std::string const&>().empty() &&
         id->get_ref<std::string const&>().size() <= kIdMax;
}

// {"error":{"message":...}}, {"error":"..."} or {"message":...}.
std::string message_of(std::string_view body) {
  auto const parsed = parse_json(body);
  if (!parsed || !parsed->is_object()) return "";
  for (auto const* const path : {"/error/message", "/error", "/message"}) {
    Json::json_pointer const at(path);
    if (parsed->contains(at) && parsed->at(at).is_string()) return parsed->at(at);
  }
  return "";
}

std::string one_line(std::string text) {
  if (text.size() > kTextMax) text.resize(kTextMax);
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return text;
}

void hide(std::string& text, std::string const& secret) {
  if (secret.empty()) return;
  for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += 3)
    text.replace(at, secret.size(), "***");
}

}  // namespace

Result<net::Url> AiEndpoint::url(std::string_view path) const {
  return net::parse_url(fmt::format("{}{}", base, path));
}

net::HttpHeaders AiEndpoint::authorization() const {
  net::HttpHeaders headers;
  if (!key.empty()) headers.emplace_back("Authorization", "Bearer " + key.reveal());
  if (provider == "azure" && !key.empty()) headers.emplace_back("api-key", key.reveal());
  if (provider == "anthropic") {
    headers.emplace_back("anthropic-version", kAnthropicVersion);
    if (!key.empty()) headers.emplace_back("x-api-key", key.reveal());
  }
  return headers;
}

std::string_view known_base(std::string_view provider) {
  for (auto const& [name, base] : kBases)
    if (name == provider) return base;
  return {};
}

std::optional<std::string> read_base(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  auto const url = net::parse_url(text);
  if (!url || url->is_ws() || !url->userinfo.empty()) return std::nullopt;
  if (text.find_first_of("?#") != std::string_view::npos) return std::nullopt;
  return std::string(text);
}

std::string_view check_path(std::string_view provider) {
  return provider == "openrouter" ? "/key" : "/models";
}

std::optional<std::vector<Json>> read_models(std::string_view provider, std::string_view body) {
  auto const parsed = parse_json(body);
  if (!parsed) return std::nullopt;
  // Together AI answers with the list alone.
  auto const* list = &*parsed;
  if (parsed->is_object() && parsed->contains("data")) list = &parsed->at("data");
  if (!list->is_array()) return std::nullopt;
  std::vector<Json> models;
  for (auto const& model : *list) {
    if (models.size() == kModelsMax) break;
    if (is_model(model)) models.push_back(view_of(provider, model));
  }
  return models;
}

std::string refusal_text(net::HttpReply const& reply, Secret const& key) {
  auto said = message_of(reply.body);
  hide(said, key.reveal());
  auto const status = fmt::format("{} {}", reply.status, net::http_reason(reply.status));
  if (said.empty()) return fmt::format("the provider answered {}", status);
  return fmt::format("the provider answered {}: {}", status,
                     log::mask_credentials(one_line(std::move(said))));
}

}  // namespace bridge::local
