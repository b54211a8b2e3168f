#include "cdp/session_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cdp/json_scan.hpp"
#include "cdp/mux_words.hpp"

namespace bridge::cdp {
namespace {

constexpr std::size_t kFramesMax = 10'000;
constexpr std::string_view kNewDocumentScript = "Page.addScriptToEvaluateOnNewDocument";

std::string text_of(std::string_view object, std::string_view key) {
  auto const raw = find_member(object, key);
  return raw ? decode_string(*raw) : std::string();
}

std::string_view domain_of(std::string_view method) {
  return method.substr(0, method.find('.') + 1);
}

std::string address_of(std::string_view frame) {
  return text_of(frame, "url") + text_of(frame, "urlFragment");
}

}  // namespace

void SessionState::keep(Said said, bool replaces) {
  auto const is_same = [&](Said const& old) {
    return old.method == said.method && old.key == said.key;
  };
  auto const old = replaces ? std::find_if(said_.begin(), said_.end(), is_same) : said_.end();
  if (old != said_.end()) bytes_ -= old->params.size();
  if (old == said_.end() && said_.size() == kEntriesMax) overflowed_ = true;
  if (bytes_ + said.params.size() > kBytesMax) overflowed_ = true;
  if (overflowed_) return;
  bytes_ += said.params.size();
  if (old != said_.end()) {
    *old = std::move(said);
  } else {
    said_.push_back(std::move(said));
  }
}

void SessionState::undo(std::string_view method, std::string_view key) {
  for (auto said = said_.begin(); said != said_.end();) {
    if ((!method.empty() && said->method != method) || said->key != key) {
      ++said;
    } else if (said->method == kNewDocumentScript) {
      // Chrome numbers the scripts of a session: those behind it keep their numbers only if one
      // stands in its place.
      bytes_ -= said->params.size();
      said->params = R"({"source":""})";
      bytes_ += said->params.size();
      said->key.clear();
      ++said;
    } else {
      bytes_ -= said->params.size();
      said = said_.erase(said);
    }
  }
}

void SessionState::note(std::string_view method, Trait const& trait, std::string_view params,
                        std::string_view result) {
  Said said{std::string(method), std::string(params), {}};
  switch (trait.keep) {
    case Keep::no:
      return;
    case Keep::last:
      return keep(std::move(said), true);
    case Keep::by_param:
      said.key = trait.key.empty() ? said.params : text_of(params, trait.key);
      return keep(std::move(said), true);
    case Keep::by_result:
      said.key = text_of(result, trait.key);
      return keep(std::move(said), false);
    case Keep::undo:
      return undo(trait.undoes, trait.key.empty() ? std::string() : text_of(params, trait.key));
    case Keep::undo_all: {
      auto const domain = domain_of(method);
      std::erase_if(said_, [&](Said const& old) {
        if (domain_of(old.method) != domain) return false;
        bytes_ -= old.params.size();
        return true;
      });
    }
  }
}

SessionState::Said const* SessionState::find(std::string_view method) const {
  auto const at = std::find_if(said_.begin(), said_.end(),
                               [method](Said const& said) { return said.method == method; });
  return at == said_.end() ? nullptr : &*at;
}

// Without recursion: the depth is the page's to choose.
void FrameTree::read(std::string_view tree, Frames& out, std::vector<std::string>& order) {
  std::vector<std::string_view> open{tree};
  while (!open.empty() && out.size() < kFramesMax) {
    auto const node = open.back();
    open.pop_back();
    auto const frame = find_member(node, "frame").value_or("{}");
    auto id = text_of(frame, "id");
    Frame read{text_of(frame, "parentId"), text_of(frame, "loaderId"), address_of(frame),
               std::string(frame)};
    order.push_back(id);
    out.insert_or_assign(std::move(id), std::move(read));
    auto const children = find_member(node, "childFrames").value_or("[]");
    std::vector<std::string_view> below;
    for (std::size_t at = skip_space(children, 1); at < children.size() && children[at] == '{';) {
      std::size_t bad = 0;
      auto const end = skip_value(children, at, bad);
      if (end == std::string_view::npos) break;
      below.push_back(children.substr(at, end - at));
      at = skip_space(children, end);
      if (at < children.size() && children[at] == ',') at = skip_space(children, at + 1);
    }
    open.insert(open.end(), below.rbegin(), below.rend());
  }
}

void FrameTree::learn(std::string_view result) {
  Frames now;
  std::vector<std::string> order;
  read(find_member(result, "frameTree").value_or("{}"), now, order);
  for (auto& [id, frame] : now) frame.raw.clear();
  frames_ = std::move(now);
}

void FrameTree::on_event(std::string_view method, std::string_view params) {
  if (method == "Page.frameNavigated") {
    auto const frame = find_member(params, "frame").value_or("{}");
    auto id = text_of(frame, "id");
    auto parent = text_of(frame, "parentId");
    // A new document has none of the old one's frames; Chrome tells of them too, mostly.
    if (parent.empty()) frames_.clear();
    if (frames_.size() >= kFramesMax) return;
    frames_.insert_or_assign(
        std::move(id), Frame{std::move(parent), text_of(frame, "loaderId"), address_of(frame), {}});
  } else if (method == "Page.frameAttached") {
    if (frames_.size() >= kFramesMax) return;
    frames_.insert_or_assign(text_of(params, "frameId"),
                             Frame{text_of(params, "parentFrameId"), {}, {}, {}});
  } else if (method == "Page.frameDetached") {
    frames_.erase(text_of(params, "frameId"));
  } else if (method == "Page.navigatedWithinDocument") {
    auto const frame = frames_.find(text_of(params, "frameId"));
    if (frame != frames_.end()) frame->second.url = text_of(params, "url");
  }
}

bool FrameTree::has_document(std::string_view loader) const {
  return std::any_of(frames_.begin(), frames_.end(),
                     [loader](auto const& frame) { return frame.second.loader == loader; });
}

std::vector<std::string> FrameTree::catch_up(std::string_view result, Lifecycle lifecycle) {
  Frames now;
  std::vector<std::string> order;
  read(find_member(result, "frameTree").value_or("{}"), now, order);
  std::vector<std::string> events;
  if (!frames_.empty()) {
    for (auto const& [id, frame] : frames_)
      if (!now.contains(id) && !frame.parent.empty())
        events.push_back(fmt::format(
            R"({{"method":"Page.frameDetached","params":{{"frameId":{},"reason":"remove"}})",
            encode_string(id)));
    for (auto const& id : order) {
      auto const& frame = now.at(id);
      auto const known = frames_.find(id);
      if (known == frames_.end() && !frame.parent.empty())
        events.push_back(fmt::format(
            R"({{"method":"Page.frameAttached","params":{{"frameId":{},"parentFrameId":{}}})",
            encode_string(id), encode_string(frame.parent)));
      // Chrome tells nobody of the empty document that a new frame begins with.
      bool const is_first = known != frames_.end() && known->second.loader.empty() &&
                            (frame.url.empty() || frame.url == "about:blank" || frame.url == ":");
      if (is_first) continue;
      bool const is_new = known == frames_.end() || known->second.loader != frame.loader;
      // Chrome says again how far a document has come, but not that it began.
      if (is_new && lifecycle == Lifecycle::told)
        events.push_back(document_begins(id, frame.loader));
      if (is_new)
        events.push_back(fmt::format(
            R"({{"method":"Page.frameNavigated","params":{{"frame":{},"type":"Navigation"}})",
            frame.raw));
      else if (known->second.url != frame.url)
        events.push_back(fmt::format(
            R"({{"method":"Page.navigatedWithinDocument","params":{{"frameId":{},"url":{},"navigationType":"other"}})",
            encode_string(id), encode_string(frame.url)));
    }
  }
  for (auto& [id, frame] : now) frame.raw.clear();
  frames_ = std::move(now);
  return events;
}

}  // namespace bridge::cdp
