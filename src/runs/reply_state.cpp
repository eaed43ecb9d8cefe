#include "runs/reply_state.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "judge/answer.h"

namespace holisafe::runs {
namespace {

const char* what_came(const chat::Reply& reply) {
  if (!strip(reply.text).empty()) return "reasoning alone";
  return reply.tool_calls ? "tool calls alone" : "no text";
}

store::AnswerState state_of(chat::State state) {
  switch (state) {
    case chat::State::answered:
    case chat::State::declined:
      return store::AnswerState::answered;
    case chat::State::filtered:
      return store::AnswerState::filtered;
    case chat::State::empty:
      return store::AnswerState::empty;
  }
  return store::AnswerState::answered;
}

}  // namespace

void name_empty(chat::Reply& reply) {
  if (reply.state != chat::State::answered || judge::answer_in(reply.text)) return;
  reply.state = chat::State::empty;
  reply.reason = fmt::format("empty answer: {}", what_came(reply));
  if (!reply.finish_reason.empty())
    reply.reason += fmt::format(" (finish_reason {})", one_line(reply.finish_reason));
}

store::Answer answer_of(const Result<chat::Reply>& given) {
  if (!given) return {store::AnswerState::unanswered, "", "", given.error().message(), std::nullopt};
  chat::Reply reply = *given;
  name_empty(reply);
  return {state_of(reply.state), std::move(reply.text), std::move(reply.finish_reason),
          std::move(reply.reason), reply.verdict};
}

}  // namespace holisafe::runs
