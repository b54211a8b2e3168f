#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_server.hpp"

namespace bridge::test {

/// What FakeUpstream answers with its method and parameters.
inline constexpr std::string_view kAsk = R"({"id":5,"method":"Test.echo"})";
inline constexpr std::string_view kAnswer =
    R"({"id":5,"result":{"method":"Test.echo","params":{}}})";

/// A runtime's CDP endpoint on a real loopback socket. Speaks the CDP that the bridge itself needs,
/// with Chrome's event order, and echoes every other command as {"method":...,"params":...}. Beyond
/// CDP: Test.never is not answered, Test.large {"bytes":N} is answered at that length.
class FakeUpstream final : private net::HttpHandler {
 public:
  explicit FakeUpstream(net::Loop& loop);
  ~FakeUpstream() override;
  awaitable<void> stop();

  /// The secret part is in the path, as in the cloud.
  [[nodiscard]] std::string url() const;
  /// A debugging port that names url() in its /json/version.
  [[nodiscard]] std::string http_url() const;

  // Switches. They hold until they are set back.
  std::optional<net::HttpReply> refusal;  ///< answers every upgrade
  bool silent = false;                    ///< commands are taken and not answered
  bool hold_attach = false;               ///< attaches wait for release_attaches()
  bool refuse_discovery = false;          ///< Target.setDiscoverTargets is answered with an error
  bool drop_when_discovered = false;      ///< the socket ends right behind that answer

  void release_attaches();
  /// Back-pressure: what arrives stays in the kernel.
  void read(bool on);
  /// The end without a word.
  void drop();
  void close(std::uint16_t code, std::string_view reason);
  void send(std::string_view frame);

  void add_target(std::string id, std::string type, std::string title);
  /// Without an event, as in Chrome.
  void rename_target(std::string_view id, std::string title);
  void destroy_target(std::string const& id);

  [[nodiscard]] std::size_t dials() const { return dials_; }
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }
  /// Flat sessions alive, over all connections.
  [[nodiscard]] std::size_t sessions() const;
  /// The id of the session that was made last: "S1", "S2" and so on.
  [[nodiscard]] std::string last_session() const { return "S" + std::to_string(last_session_); }
  /// Methods in the order they came.
  [[nodiscard]] std::vector<std::string> const& commands() const { return commands_; }
  [[nodiscard]] std::size_t count(std::string_view method) const;

 private:
  class Connection;
  struct Target {
    std::string id;
    std::string type;
    std::string title;
    [[nodiscard]] std::string info() const;
  };

  awaitable<void> handle(net::HttpExchange& exchange) override;
  [[nodiscard]] Target const* find(std::string_view id) const;

  net::HttpServer server_;
  net::Broadcast reading_;
  bool reads_ = true;
  std::list<std::unique_ptr<Connection>> connections_;
  std::vector<Target> targets_;
  std::vector<std::string> commands_;
  std::size_t dials_ = 0;
  std::size_t last_session_ = 0;
  std::size_t last_target_ = 0;
};

}  // namespace bridge::test
