#include "daemon/lifetime.hpp"

namespace bridge {
namespace {

void sooner(std::optional<Lifetime::End>& best, Lifetime::Cause cause, Lifetime::Time at) {
  if (!best || at < best->at) best = Lifetime::End{cause, at};
}

}  // namespace

void Lifetime::await_run() {
  if (state_ != State::asleep) return;
  state_ = State::starting;
  had_client_ = use_.clients > 0;
}

void Lifetime::begin(Time now, Time run_began) {
  bool const waited_for = state_ == State::starting && had_client_;
  state_ = use_.none() ? State::idle : State::used;
  had_client_ = waited_for || use_.clients > 0;
  began_ = run_began;
  idle_since_ = now;
  ended_by_.reset();
}

void Lifetime::use(Use use, Time now) {
  use_ = use;
  if (use.clients > 0) had_client_ = true;
  if (state_ != State::idle && state_ != State::used) return;
  if (use.none() && state_ == State::used) idle_since_ = now;
  state_ = use.none() ? State::idle : State::used;
}

void Lifetime::end() {
  state_ = State::asleep;
  budget_end_.reset();
  ended_by_.reset();
}

std::optional<Lifetime::End> Lifetime::next() const {
  if (state_ == State::due) return ended_by_;
  std::optional<End> out;
  if (state_ == State::asleep || state_ == State::starting) return out;
  if (rules_.max_run > Span::zero()) sooner(out, Cause::max_run, began_ + rules_.max_run);
  if (budget_end_) sooner(out, Cause::budget, *budget_end_);
  if (state_ == State::used) return out;
  if (rules_.idle_stop > Span::zero())
    sooner(out, Cause::idle_stop, idle_since_ + rules_.idle_stop);
  if (rules_.grace && had_client_) sooner(out, Cause::last_client, idle_since_ + *rules_.grace);
  return out;
}

std::optional<Lifetime::End> Lifetime::look(Time now) {
  if (state_ == State::due) return std::nullopt;
  auto const end = next();
  if (!end || end->at > now) return std::nullopt;
  state_ = State::due;
  ended_by_ = end;
  return end;
}

std::string_view to_text(Lifetime::State state) {
  switch (state) {
    case Lifetime::State::asleep:
      return "asleep";
    case Lifetime::State::starting:
      return "starting";
    case Lifetime::State::idle:
      return "idle";
    case Lifetime::State::used:
      return "used";
    case Lifetime::State::due:
      break;
  }
  return "due";
}

std::string_view to_text(Lifetime::Cause cause) {
  switch (cause) {
    case Lifetime::Cause::idle_stop:
      return "idle_stop";
    case Lifetime::Cause::last_client:
      return "on_last_client";
    case Lifetime::Cause::max_run:
      return "max_run";
    case Lifetime::Cause::budget:
      break;
  }
  return "budget";
}

}  // namespace bridge
