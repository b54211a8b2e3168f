#include "local/element_gestures.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

#include "local/keyboard.hpp"
#include "net/tasks.hpp"

namespace bridge::local {
namespace {

constexpr auto kPause = 60ms;

Json needs_of(std::string_view method) {
  if (method == "focus" || method == "press") return Json::array({"visible", "enabled"});
  if (method == "fill" || method == "clear") return Json::array({"visible", "enabled", "editable"});
  if (method == "type") return Json::array({"visible", "enabled"});
  return Json::array({"visible", "enabled", "pointer"});
}

// Words of UTF-8 text, one character each.
std::vector<std::string> characters_of(std::string_view text) {
  std::vector<std::string> characters;
  for (char const c : text) {
    bool const continues = (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
    if (continues && !characters.empty())
      characters.back() += c;
    else
      characters.emplace_back(1, c);
  }
  return characters;
}

}  // namespace

std::optional<double> read_number(std::string_view text) {
  if (text.ends_with('%') || text.ends_with("px")) text.remove_suffix(text.ends_with('%') ? 1 : 2);
  double number = 0;
  auto const read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

Error Gestures::note(Json const& answer) {
  obstacle_ = Obstacle{answer.value("problem", "element_not_ready"), answer.value("message", "")};
  return Error{Errc::refused, "act on the element"};
}

awaitable<bool> Gestures::pause() {
  auto const left = deadline_ - Clock::now();
  if (left <= Duration::zero()) co_return false;
  co_await net::sleep_for(std::min<Duration>(left, kPause));
  co_return true;
}

awaitable<Result<std::optional<BrowserPage::Frame>>> Gestures::enter(
    std::vector<std::string> frames, double& x, double& y) {
  auto frame = co_await page_.main_frame();
  for (auto const& selector : frames) {
    if (!frame) break;
    // The iframe must be in view before anything in it can be.
    Json const into = Json::array({selector, Json::array({"visible"})});
    auto const seen = co_await page_.ask(*frame, "inspect", into);
    if (!seen) co_return seen.error();
    if (!seen->value("ok", false)) {
      [[maybe_unused]] auto const noted = note(*seen);
      co_return std::optional<BrowserPage::Frame>();
    }
    Json const alone = Json::array({selector});
    auto const origin = co_await page_.ask(*frame, "frameOrigin", alone);
    if (!origin) co_return origin.error();
    if (origin->is_object()) {
      x += origin->value("x", 0.0);
      y += origin->value("y", 0.0);
    }
    frame = co_await page_.child_frame(*frame, selector);
  }
  if (!frame) co_return frame.error();
  co_return std::optional<BrowserPage::Frame>(*frame);
}

// One look. None when the element is not ready, and obstacle_ says why. `box` is where it was.
awaitable<Result<std::optional<Gestures::Place>>> Gestures::look(std::vector<std::string> parts,
                                                                 Json needs, std::string& box) {
  Place place;
  place.selector = std::move(parts.back());
  parts.pop_back();
  auto frame = co_await enter(std::move(parts), place.x, place.y);
  if (!frame) co_return frame.error();
  if (!*frame) co_return std::optional<Place>();
  place.frame = **frame;
  Json const question = Json::array({place.selector, std::move(needs)});
  auto const seen = co_await page_.ask(place.frame, "inspect", question);
  if (!seen) co_return seen.error();
  if (auto const wrong = seen->find("invalid"); wrong != seen->end()) {
    obstacle_ = Obstacle{"selector_invalid", wrong->get<std::string>()};
    deadline_ = Clock::now();
    co_return std::optional<Place>();
  }
  if (!seen->value("ok", false)) {
    [[maybe_unused]] auto const noted = note(*seen);
    box.clear();
    co_return std::optional<Place>();
  }
  place.x += seen->value("x", 0.0);
  place.y += seen->value("y", 0.0);
  auto const now_at = to_text(Json::array({seen->value("box", Json()), place.x, place.y}));
  bool const at_rest = now_at == box;
  box = now_at;
  if (!at_rest) {
    obstacle_ = Obstacle{"element_moving", seen->value("name", "it") + " does not come to rest"};
    co_return std::optional<Place>();
  }
  co_return std::optional<Place>(std::move(place));
}

awaitable<Result<Gestures::Place>> Gestures::ready(std::string selector, Json needs) {
  auto const parts = split_selector(selector);
  std::string box;
  for (;;) {
    auto place = co_await look(parts, needs, box);
    if (place && *place) {
      obstacle_.reset();
      co_return std::move(**place);
    }
    // A document that is being replaced has no world to ask in; the next one will.
    bool const gone = !place && place.error().is(Errc::end_of_stream);
    if (gone) obstacle_.reset();
    if (gone || !co_await pause()) {
      if (!place) co_return place.error();
      co_return Error{Errc::timed_out, "wait for the element"};
    }
  }
}

awaitable<Result<Json>> Gestures::insist(Place place, std::string function, Json more) {
  Json question = Json::array({place.selector});
  for (auto& one : more) question.push_back(std::move(one));
  for (;;) {
    auto answer = co_await page_.ask(place.frame, function, question);
    if (!answer) co_return answer.error();
    if (answer->value("ok", false)) co_return std::move(*answer);
    auto error = note(*answer);
    bool const again = co_await pause();
    if (!again) co_return error;
  }
}

awaitable<Result<void>> Gestures::mouse(std::string type, Place place, std::string button,
                                        int clicks) {
  bool const held = type == "mousePressed";
  int const bit = button == "left" ? 1 : button == "right" ? 2 : button == "middle" ? 4 : 0;
  Json const event{{"type", std::move(type)},
                   {"x", place.x},
                   {"y", place.y},
                   {"button", std::move(button)},
                   {"buttons", held ? bit : 0},
                   {"clickCount", clicks}};
  auto const sent = co_await page_.call("Input.dispatchMouseEvent", event);
  if (!sent) co_return sent.error();
  co_return Result<void>{};
}

awaitable<Result<void>> Gestures::point(Place place) {
  return mouse("mouseMoved", std::move(place), "none", 0);
}

awaitable<Result<void>> Gestures::click(Place place, std::string button, int clicks) {
  auto done = co_await point(place);
  for (int count = 1; done && count <= clicks; ++count) {
    done = co_await mouse("mousePressed", place, button, count);
    if (done) done = co_await mouse("mouseReleased", place, button, count);
  }
  co_return done;
}

awaitable<Result<void>> Gestures::send_keys(std::vector<Json> events) {
  for (auto const& event : events) {
    auto const sent = co_await page_.call("Input.dispatchKeyEvent", event);
    if (!sent) co_return sent.error();
  }
  co_return Result<void>{};
}

awaitable<Result<void>> Gestures::insert(std::string text) {
  Json const params{{"text", std::move(text)}};
  auto const sent = co_await page_.call("Input.insertText", params);
  if (!sent) co_return sent.error();
  co_return Result<void>{};
}

// What is asked from here on is asked of this document, and fails when another has come.
awaitable<Result<void>> Gestures::check_origin(Place place, std::string origin) {
  if (origin.empty()) co_return Result<void>{};
  Json const none = Json::array();
  auto const here = co_await page_.ask(place.frame, "origin", none);
  if (!here) co_return here.error();
  if (*here == origin) co_return Result<void>{};
  Json const elsewhere{{"problem", "page_changed"}, {"message", "the page is another by now"}};
  co_return note(elsewhere);
}

awaitable<Result<void>> Gestures::type(Place place, std::string text, std::string origin) {
  for (auto& character : characters_of(text)) {
    auto done = co_await check_origin(place, origin);
    if (!done) co_return done;
    Chord chord;
    if (auto const key = find_key(character)) {
      chord.key = *key;
      auto events = key_events(chord);
      done = co_await send_keys(std::move(events));
    } else {
      done = co_await insert(std::move(character));
    }
    if (!done) co_return done;
  }
  co_return Result<void>{};
}

awaitable<Result<void>> Gestures::act(ElementAction const& action) {
  auto const& method = action.method;
  if (method == "check" || method == "uncheck")
    co_return co_await set_checked(action, method == "check");
  if (method == "scroll") co_return co_await wheel(action);
  if (method == "scrollTo" || method == "scrollIntoView" || method == "nextChunk" ||
      method == "prevChunk")
    co_return co_await scroll(action);
  if (method == "dragAndDrop") co_return co_await drag(action);
  if (method == "hover" || method.ends_with("lick")) co_return co_await act_by_mouse(action);
  co_return co_await act_by_keys(action);
}

awaitable<Result<void>> Gestures::act_by_mouse(ElementAction const& action) {
  auto needs = needs_of(action.method);
  auto place = co_await ready(action.selector, std::move(needs));
  if (!place) co_return place.error();
  if (action.method == "hover") co_return co_await point(std::move(*place));
  std::string button = action.arguments.empty() ? std::string("left") : action.arguments.front();
  if (action.method == "rightClick") button = "right";
  int const clicks = action.method == "doubleClick" ? 2 : 1;
  co_return co_await click(std::move(*place), std::move(button), clicks);
}

awaitable<Result<void>> Gestures::act_by_keys(ElementAction const& action) {
  auto needs = needs_of(action.method);
  auto place = co_await ready(action.selector, std::move(needs));
  if (!place) co_return place.error();
  auto const same = co_await check_origin(*place, action.origin);
  if (!same) co_return same.error();
  auto const& method = action.method;
  if (method == "fill" || method == "clear") {
    auto text = method == "fill" ? action.arguments.front() : std::string();
    co_return co_await fill(std::move(*place), std::move(text), action.origin);
  }
  Json more = Json::array();
  if (method == "selectOption") {
    more.push_back(action.arguments);
    auto const chosen = co_await insist(std::move(*place), "choose", std::move(more));
    if (!chosen) co_return chosen.error();
    co_return Result<void>{};
  }
  auto const focused = co_await insist(*place, "focus", std::move(more));
  if (!focused) co_return focused.error();
  if (method == "type") {
    auto text = action.arguments.front();
    co_return co_await type(std::move(*place), std::move(text), action.origin);
  }
  if (method == "press") {
    auto events = key_events(*parse_chord(action.arguments.front()));
    co_return co_await send_keys(std::move(events));
  }
  co_return Result<void>{};
}

awaitable<Result<void>> Gestures::fill(Place place, std::string text, std::string origin) {
  Json more = Json::array({text});
  auto const selected = co_await insist(place, "selectText", std::move(more));
  if (!selected) co_return selected.error();
  if (selected->value("direct", false)) co_return Result<void>{};
  auto const same = co_await check_origin(std::move(place), std::move(origin));
  if (!same) co_return same.error();
  if (!text.empty()) co_return co_await insert(std::move(text));
  if (selected->value("empty", false)) co_return Result<void>{};
  auto events = key_events(*parse_chord("Delete"));
  co_return co_await send_keys(std::move(events));
}

awaitable<Result<void>> Gestures::set_checked(ElementAction const& action, bool wanted) {
  auto needs = needs_of(action.method);
  auto place = co_await ready(action.selector, std::move(needs));
  if (!place) co_return place.error();
  Json none = Json::array();
  auto const before = co_await insist(*place, "checked", none);
  if (!before) co_return before.error();
  if (before->value("checked", false) == wanted) co_return Result<void>{};
  auto const clicked = co_await click(*place, "left", 1);
  if (!clicked) co_return clicked.error();
  auto const after = co_await insist(*place, "checked", none);
  if (!after) co_return after.error();
  if (after->value("checked", false) == wanted) co_return Result<void>{};
  Json const stays{{"problem", "element_unchanged"}, {"message", "a click did not change it"}};
  co_return note(stays);
}

awaitable<Result<void>> Gestures::wheel(ElementAction const& action) {
  Json needs = Json::array({"visible"});
  auto place = co_await ready(action.selector, std::move(needs));
  if (!place) co_return place.error();
  auto const& arguments = action.arguments;
  double const x = arguments.size() > 1 ? *read_number(arguments.front()) : 0;
  double const y = *read_number(arguments.back());
  Json const event{
      {"type", "mouseWheel"}, {"x", place->x}, {"y", place->y}, {"deltaX", x}, {"deltaY", y}};
  auto const sent = co_await page_.call("Input.dispatchMouseEvent", event);
  if (!sent) co_return sent.error();
  co_return Result<void>{};
}

awaitable<Result<void>> Gestures::scroll(ElementAction const& action) {
  Json needs = Json::array({"visible"});  // which brings it into view
  auto place = co_await ready(action.selector, std::move(needs));
  if (!place) co_return place.error();
  if (action.method == "scrollIntoView") co_return Result<void>{};
  Json where{{"screens", action.method == "prevChunk" ? -1 : 1}};
  if (action.method == "scrollTo") where["to"] = *read_number(action.arguments.front());
  Json more = Json::array({where});
  auto const done = co_await insist(std::move(*place), "scroll", std::move(more));
  if (!done) co_return done.error();
  co_return Result<void>{};
}

awaitable<Result<void>> Gestures::drag(ElementAction const& action) {
  auto needs = needs_of(action.method);
  auto const from = co_await ready(action.selector, needs);
  if (!from) co_return from.error();
  Json visible = Json::array({"visible"});
  auto const to = co_await ready(action.arguments.front(), std::move(visible));
  if (!to) co_return to.error();
  auto done = co_await point(*from);
  if (done) done = co_await mouse("mousePressed", *from, "left", 1);
  // A drag begins with the first moves, and what lies under the target hears of the last ones.
  constexpr int kSteps = 5;
  for (int step = 1; done && step <= kSteps; ++step) {
    Json const event{{"type", "mouseMoved"},
                     {"x", from->x + (to->x - from->x) * step / kSteps},
                     {"y", from->y + (to->y - from->y) * step / kSteps},
                     {"button", "left"},
                     {"buttons", 1}};
    auto const sent = co_await page_.call("Input.dispatchMouseEvent", event);
    if (!sent) done = sent.error();
  }
  if (done) done = co_await mouse("mouseReleased", *to, "left", 1);
  co_return done;
}

}  // namespace bridge::local
