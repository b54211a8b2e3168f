#pragma once

#include <string>

#include "backend_fixture.hpp"

namespace bridge::test {

/// A multipart/form-data body.
class Form {
 public:
  static constexpr auto* kType = "multipart/form-data; boundary=xYz";

  Form& field(std::string const& name, std::string const& value) {
    body_ +=
        "--xYz\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
    return *this;
  }
  Form& file(std::string const& bytes, std::string const& filename = "a.txt",
             std::string const& type = "text/plain", std::string const& name = "file") {
    body_ += "--xYz\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"" +
             filename + "\"\r\nContent-Type: " + type + "\r\n\r\n" + bytes + "\r\n";
    return *this;
  }
  [[nodiscard]] std::string body() const { return body_ + "--xYz--\r\n"; }

 private:
  std::string body_;
};

/// POSTs a body that says it is a form.
inline awaitable<Reply> post_form(Api& api, std::string target, std::string body) {
  auto const headers = api.headers;
  api.headers.emplace_back("Content-Type", Form::kType);
  auto reply = co_await api.send("POST", std::move(target), std::move(body));
  api.headers = headers;
  co_return reply;
}

/// The body of a success whose shape is `schema`.
inline awaitable<json> post_form(Api& api, std::string schema, std::string target, std::string body,
                                 unsigned status) {
  auto const reply = co_await post_form(api, std::move(target), std::move(body));
  CAPTURE(reply.body.dump());
  CHECK(reply.status == status);
  CHECK(violation_of(schema, reply.body) == "");
  co_return reply.body;
}

/// A reply whose body is whatever bytes.
inline awaitable<net::HttpReply> fetch(Scene& scene, std::string target,
                                       net::HttpHeaders more = {}) {
  net::HttpClient client(scene.loop, net::Reach());
  auto const root = net::parse_url(scene.backend.base_url()).value();
  auto url = root.with_target(std::move(target));
  net::HttpRequest request;
  request.method = "GET";
  request.headers = scene.api.headers;
  for (auto& header : more) request.headers.push_back(std::move(header));
  auto reply = co_await client.send(std::move(url), std::move(request), 60s);
  co_return reply.value();
}

/// The status line that answers `head`, a request of which nothing else is ever sent.
inline awaitable<std::string> status_of_head(Scene& scene, std::string head) {
  net::Reach const reach;
  auto url = net::parse_url(scene.backend.base_url()).value();
  auto const connected = co_await net::connect_to(scene.loop, std::move(url), reach);
  auto const& bytes = connected.value();
  std::array<asio::const_buffer, 1> const pieces{asio::buffer(head)};
  auto const sent = co_await bytes->send(pieces);
  REQUIRE(sent.has_value());
  auto const got = co_await bytes->receive();
  std::string const text(got.value().begin(), got.value().end());
  bytes->close();
  co_return text.substr(0, text.find("\r\n"));
}

/// How many files lie anywhere in a directory.
inline std::size_t files_in(std::filesystem::path const& root) {
  std::size_t count = 0;
  std::error_code ignored;
  for (auto const& entry : std::filesystem::recursive_directory_iterator(root, ignored))
    count += entry.is_regular_file() ? 1 : 0;
  return count;
}

}  // namespace bridge::test
