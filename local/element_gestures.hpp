#pragma once

#include <optional>
#include <string>
#include <vector>

#include "local/element_action.hpp"

namespace bridge::local {

/// "120", "-40.5" or "50%" as a number.
[[nodiscard]] std::optional<double> read_number(std::string_view text);

/// Does things to elements of one page the way a hand would. One for each action.
class Gestures {
 public:
  Gestures(BrowserPage& page, Duration patience)
      : page_(page), deadline_(Clock::now() + patience) {}

  /// An error without an obstacle: the page or the browser is gone.
  awaitable<Result<void>> act(ElementAction const& action);
  /// What stood in the way until patience was over.
  [[nodiscard]] std::optional<Obstacle> obstacle() const { return obstacle_; }

 private:
  /// An element that is ready, and where it is in the page's viewport.
  struct Place {
    BrowserPage::Frame frame;
    std::string selector;  ///< within the frame
    double x = 0;
    double y = 0;
  };
  /// `needs` is what Json page/element.js's inspect() takes.
  awaitable<Result<Place>> ready(std::string selector, Json needs);
  awaitable<Result<std::optional<Place>>> look(std::vector<std::string> parts, Json needs,
                                               std::string& box);
  awaitable<Result<std::optional<BrowserPage::Frame>>> enter(std::vector<std::string> frames,
                                                             double& x, double& y);
  /// Asks for something that ends in {ok: true}, again and again until patience is over.
  awaitable<Result<Json>> insist(Place place, std::string function, Json more);
  /// False once patience is over.
  awaitable<bool> pause();

  awaitable<Result<void>> point(Place place);
  awaitable<Result<void>> mouse(std::string type, Place place, std::string button, int clicks);
  awaitable<Result<void>> click(Place place, std::string button, int clicks);
  awaitable<Result<void>> send_keys(std::vector<Json> events);
  awaitable<Result<void>> insert(std::string text);
  /// Key by key; each goes into the document that `place` is in, if an origin is asked for.
  awaitable<Result<void>> type(Place place, std::string text, std::string origin);

  /// An obstacle when the document is of another origin than the action is for.
  awaitable<Result<void>> check_origin(Place place, std::string origin);
  awaitable<Result<void>> act_by_mouse(ElementAction const& action);
  awaitable<Result<void>> act_by_keys(ElementAction const& action);
  awaitable<Result<void>> fill(Place place, std::string text, std::string origin);
  awaitable<Result<void>> set_checked(ElementAction const& action, bool wanted);
  awaitable<Result<void>> wheel(ElementAction const& action);
  awaitable<Result<void>> scroll(ElementAction const& action);
  awaitable<Result<void>> drag(ElementAction const& action);

  Error note(Json const& answer);

  BrowserPage& page_;
  Clock::time_point deadline_;
  std::optional<Obstacle> obstacle_;
};

}  // namespace bridge::local
