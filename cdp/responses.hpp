#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace bridge::cdp {

class FrameTree;

/// What a client of Network's events may wait for without end when their connection is lost:
/// the response to a document's request, and the extra information that a response has promised,
/// without which Puppeteer hands that response to nobody.
class Responses {
 public:
  /// `params` of a Network event; others change nothing.
  void on_event(std::string_view method, std::string_view params);
  /// What came while nobody listened: the events that end such a wait, made of what is known, each
  /// `{"method":...,"params":...` without the final brace. `frames` are those there are now.
  [[nodiscard]] std::vector<std::string> catch_up(FrameTree const& frames);

 private:
  struct Response {
    std::string headers;  // raw JSON, as the status
    std::string status;
  };
  /// Extra information may come before its response and behind it, and once for every redirect.
  struct Extra {
    std::size_t ahead = 0;
    std::deque<Response> behind;
  };
  void responded(std::string const& request, std::string_view response);
  void extra_came(std::string const& request);

  std::unordered_map<std::string, Extra> extras_;    // by request
  std::unordered_set<std::string> documents_asked_;  // requests of documents without a response
};

}  // namespace bridge::cdp
