#include "local/placeholders.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "net/url.hpp"

namespace bridge::local {
namespace {

std::string plain(Json const& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

void replace_all(std::string& text, std::string const& name, std::string const& value) {
  for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + value.size()))
    text.replace(at, name.size(), value);
}

// "example.com" stands for itself and what is below it, by http as by https; a scheme in front is
// the only one.
bool is_for(std::string domain, net::Url const& page) {
  if (auto const end = domain.find("://"); end != std::string::npos) {
    auto const scheme = domain.substr(0, end);
    if (scheme != page.scheme && scheme != "http*") return false;
    domain.erase(0, end + 3);
  }
  if (domain.starts_with("*.")) domain.erase(0, 2);
  if (domain.empty()) return false;
  return page.host == domain || page.host.ends_with("." + domain);
}

template <class Visit>
void each_variable(Json const& body, Visit visit) {
  auto const variables = body.find("variables");
  if (variables == body.end()) return;
  for (auto const& [name, value] : variables->items())
    visit(name, plain(value.is_object() ? value.at("value") : value));
}

template <class Visit>
void each_secret(Json const& body, Visit visit) {
  auto const secrets = body.find("sensitiveData");
  if (secrets == body.end()) return;
  for (auto const& [name, value] : secrets->items()) {
    if (value.is_string()) visit(name, value.template get<std::string>(), std::string());
    if (!value.is_object()) continue;
    for (auto const& [inner, text] : value.items())
      if (text.is_string()) visit(inner, text.template get<std::string>(), name);
  }
}

}  // namespace

std::string describe_placeholders(Json const& body) {
  std::string text;
  if (auto const variables = body.find("variables"); variables != body.end())
    for (auto const& [name, value] : variables->items()) {
      auto const about = value.is_object() ? value.value("description", "") : std::string();
      text += fmt::format("Write %{}% for the value of {}{}{}.\n", name, name,
                          about.empty() ? "" : ": ", about);
    }
  each_secret(body, [&](std::string const& name, std::string const&, std::string const& domain) {
    text += fmt::format("Write <secret>{}</secret> for the value of {}{}{}.\n", name, name,
                        domain.empty() ? "" : ", on ", domain);
  });
  return text;
}

std::string fill_placeholders(std::string text, Json const& body, std::string const& origin) {
  auto const page = net::parse_url(origin);
  each_variable(body, [&](std::string const& name, std::string const& value) {
    replace_all(text, fmt::format("%{}%", name), value);
  });
  each_secret(body,
              [&](std::string const& name, std::string const& value, std::string const& domain) {
                if (domain.empty() || (page && is_for(domain, *page)))
                  replace_all(text, fmt::format("<secret>{}</secret>", name), value);
              });
  return text;
}

std::vector<std::string> placeholder_values(Json const& body) {
  std::vector<std::string> values;
  each_variable(body,
                [&](std::string const&, std::string const& value) { values.push_back(value); });
  each_secret(body, [&](std::string const&, std::string const& value, std::string const&) {
    values.push_back(value);
  });
  return values;
}

}  // namespace bridge::local
