#include "daemon/controller.hpp"

#include <algorithm>

namespace bridge {

std::string_view to_text(Controller::State state) {
  switch (state) {
    case Controller::State::ours:
      return "ours";
    case Controller::State::parting:
      return "parting";
    case Controller::State::theirs:
      break;
  }
  return "theirs";
}

Controller::Hold Controller::add(Holder holder) {
  Hold const hold{++last_};
  holders_.emplace(hold, std::move(holder));
  settle();
  return hold;
}

Controller::Hold Controller::let(std::string who, Clock::time_point now) {
  return add({std::move(who), now, std::nullopt, false});
}

void Controller::release(std::string who, std::optional<Clock::time_point> until,
                         Clock::time_point now) {
  // It may be gone already, and then stays so.
  std::erase_if(holders_, [](auto const& each) { return each.second.released; });
  add({std::move(who), now, until, true});
}

void Controller::let_go() {
  if (state_ == State::parting) state_ = State::theirs;
}

void Controller::take_back(Hold hold) {
  holders_.erase(hold);
  settle();
}

void Controller::take_back_released() {
  std::erase_if(holders_, [](auto const& each) { return each.second.released; });
  settle();
}

bool Controller::tick(Clock::time_point now) {
  auto const over = std::erase_if(
      holders_, [now](auto const& each) { return each.second.until && *each.second.until <= now; });
  settle();
  return over > 0;
}

void Controller::settle() {
  if (holders_.empty()) {
    state_ = State::ours;
  } else if (state_ == State::ours) {
    state_ = State::parting;
  }
}

std::optional<Clock::time_point> Controller::due() const {
  std::optional<Clock::time_point> first;
  for (auto const& [hold, holder] : holders_)
    if (holder.until && (!first || *holder.until < *first)) first = holder.until;
  return first;
}

Controller::Holder const* Controller::holder() const {
  return holders_.empty() ? nullptr : &holders_.begin()->second;
}

Controller::Holder const* Controller::released() const {
  auto const at = std::find_if(holders_.begin(), holders_.end(),
                               [](auto const& each) { return each.second.released; });
  return at == holders_.end() ? nullptr : &at->second;
}

void Controller::rename(Hold hold, std::string who) {
  if (auto const at = holders_.find(hold); at != holders_.end()) at->second.who = std::move(who);
}

}  // namespace bridge
