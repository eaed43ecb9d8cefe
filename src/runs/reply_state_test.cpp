#include "runs/reply_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holisafe::runs {
namespace {

using chat::State;
using testing::HasSubstr;

chat::Reply named(std::string text, std::string finish_reason = "stop", bool tool_calls = false) {
  chat::Reply out;
  out.text = std::move(text);
  out.finish_reason = std::move(finish_reason);
  out.tool_calls = tool_calls;
  name_empty(out);
  return out;
}

TEST(NameEmpty, WhatHoldsNoAnswerIsEmptyAndKeptAsItCame) {
  for (const char* none : {"", " \n\t", "\u00a0\u2028", "<think>Shall I refuse?", "<think>a</think>",
                           "a</think>\n", "<think>a</think><think>b"}) {
    const chat::Reply reply = named(none);
    EXPECT_EQ(reply.state, State::empty) << none;
    EXPECT_EQ(reply.text, none);
    EXPECT_THAT(reply.reason, HasSubstr("empty"));
  }
  EXPECT_EQ(named("", "tool_calls", true).reason,
            "empty answer: tool calls alone (finish_reason tool_calls)");
  EXPECT_EQ(named("<think>x", "length").reason, "empty answer: reasoning alone (finish_reason length)");
  EXPECT_EQ(named("", "").reason, "empty answer: no text");
}

TEST(NameEmpty, AnswersAndRefusalsStayWhatTheyAre) {
  for (const char* some : {"x", "<think>a</think>x", " x "})
    EXPECT_EQ(named(some).state, State::answered) << some;
  EXPECT_EQ(named("x", "tool_calls", true).state, State::answered);
  for (const State state : {State::filtered, State::declined}) {
    chat::Reply reply;
    reply.state = state;
    name_empty(reply);
    EXPECT_EQ(reply.state, state);
    EXPECT_EQ(reply.reason, "");
  }
}

TEST(WasCut, InEveryProvidersWord) {
  for (const char* cut : {"length", "max_tokens", "MAX_TOKENS"}) EXPECT_TRUE(chat::was_cut(cut)) << cut;
  for (const char* whole : {"", "stop", "end_turn", "STOP", "max"})
    EXPECT_FALSE(chat::was_cut(whole)) << whole;
}

}  // namespace
}  // namespace holisafe::runs
