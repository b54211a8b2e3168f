#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "local/chat_model.hpp"
#include "local/invocation.hpp"
#include "local/redaction.hpp"

namespace bridge::local {

/// Does a job on a page by asking a model what to do: it shows the model what is on the page, does
/// what the model chooses, and shows it the outcome, for a bounded number of steps. One for each
/// job.
class Agent {
 public:
  Agent(BrowserPage& page, ChatModel& model, InvocationRequest const& request,
        NoteStep const& note);

  awaitable<InvocationEnd> act();
  awaitable<InvocationEnd> observe();
  awaitable<InvocationEnd> extract();
  /// stagehandAgent and browserUse.
  awaitable<InvocationEnd> work();

 private:
  /// What the page shows, with the elements by number.
  struct Sight {
    std::string text;
    Json elements = Json::array();
    std::string origin;
  };
  /// Waits for a document that is on its way. Without the values that the model is not to know.
  awaitable<Result<Sight>> look(bool with_text);
  awaitable<Result<Sight>> look_once(bool with_text);
  /// The model's answer as an object; asked a second time when it gives none.
  awaitable<Result<Json>> ask(Json messages);
  /// The element action that an answer stands for; an error in words for the model.
  [[nodiscard]] Result<ElementAction> action_of(Json const& answer, Sight const& sight) const;
  /// Does one step of work(); what came of it, in words for the model.
  awaitable<Result<std::string>> step(Json answer, Sight sight);
  awaitable<Result<std::string>> go_to(std::string url);
  awaitable<InvocationEnd> done(Json answer);

  [[nodiscard]] std::string system_text() const;
  /// Puts values in for their names, which binds the action to the site that the model has seen.
  void fill_in(ElementAction& action, Sight const& sight) const;
  [[nodiscard]] InvocationEnd success(Json output) const;
  [[nodiscard]] InvocationEnd page_failed(Error const& error) const;
  [[nodiscard]] InvocationEnd model_failed(Error const& error) const;
  [[nodiscard]] InvocationEnd unfinished(std::string message, Json details) const;

  BrowserPage& page_;
  ChatModel& model_;
  InvocationRequest const& request_;
  NoteStep const& note_;
  Redaction redaction_;
  Json taken_ = Json::array();  // what has been done
};

}  // namespace bridge::local
