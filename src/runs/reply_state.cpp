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

}  // namespace

void name_empty(chat::Reply& reply) {
  if (reply.state != chat::State::answered || judge::answer_in(reply.text)) return;
  reply.state = chat::State::empty;
  reply.reason = fmt::format("empty answer: {}", what_came(reply));
  if (!reply.finish_reason.empty())
    reply.reason += fmt::format(" (finish_reason {})", one_line(reply.finish_reason));
}

}  // namespace holisafe::runs
