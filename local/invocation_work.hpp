#pragma once

#include "local/chat_model.hpp"
#include "local/invocation.hpp"

namespace bridge::local {

/// Does what an invocation asks for, on a page that is open.
class InvocationWork {
 public:
  explicit InvocationWork(FindModel find_model) : find_model_(std::move(find_model)) {}

  awaitable<InvocationEnd> operator()(BrowserPage& page, RuntimeId runtime,
                                      InvocationRequest const& request, NoteStep const& note);

 private:
  awaitable<InvocationEnd> act(BrowserPage& page, InvocationRequest const& request);
  awaitable<InvocationEnd> read_text(BrowserPage& page, InvocationRequest const& request);
  awaitable<InvocationEnd> solve_captcha(BrowserPage& page, NoteStep const& note);
  awaitable<InvocationEnd> ask_model(BrowserPage& page, RuntimeId runtime,
                                     InvocationRequest const& request, NoteStep const& note);

  FindModel find_model_;
};

}  // namespace bridge::local
