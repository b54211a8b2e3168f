#include "local/chat_model.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace bridge::local {
namespace {

constexpr std::size_t kReplyMax = 8ULL << 20;

Error unusable(std::string words) {
  return Error::saying(Errc::bad_message, std::move(words));
}

std::int64_t tokens(Json const& answer, char const* name) {
  Json::json_pointer const at(fmt::format("/usage/{}", name));
  if (!answer.contains(at) || !answer.at(at).is_number_integer()) return 0;
  return answer.at(at).get<std::int64_t>();
}

}  // namespace

ChatModel::ChatModel(net::Loop& loop, net::Reach const& reach, Options options)
    : client_(loop, reach, kReplyMax), options_(std::move(options)) {}

void ChatModel::set(std::string const& parameter, Json value) {
  options_.parameters[parameter] = std::move(value);
}

awaitable<Result<std::string>> ChatModel::say(Json messages, Duration limit) {
  Json body = options_.parameters.is_object() ? options_.parameters : Json::object();
  body["model"] = options_.model;
  body["messages"] = std::move(messages);
  net::HttpRequest request;
  request.method = "POST";
  request.headers = options_.headers;
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = to_text(body);
  auto url = options_.url;
  auto const reply = co_await client_.send(std::move(url), std::move(request), limit);
  if (!reply) co_return reply.error();
  // The provider's own words may quote the key.
  if (reply->status != 200)
    co_return Error::saying(Errc::refused,
                            fmt::format("the model's provider answered {}", reply->status));
  auto const answer = parse_json(reply->body);
  if (answer) {
    input_tokens_ += tokens(*answer, "prompt_tokens");
    output_tokens_ += tokens(*answer, "completion_tokens");
  }
  Json::json_pointer const content("/choices/0/message/content");
  if (!answer || !answer->contains(content) || !answer->at(content).is_string())
    co_return unusable("the model's provider answered without a message");
  co_return answer->at(content).get<std::string>();
}

Json object_in(std::string_view reply) {
  auto const first = reply.find('{');
  auto const last = reply.rfind('}');
  if (first == std::string_view::npos || last == std::string_view::npos || last < first)
    return nullptr;
  auto const object = parse_object(reply.substr(first, last - first + 1));
  return object ? *object : Json(nullptr);
}

}  // namespace bridge::local
