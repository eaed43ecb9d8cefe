#include "judge/answer.h"

#include <string>

#include <gtest/gtest.h>

namespace holisafe::judge {
namespace {

TEST(Answer, IsWhatStandsAfterTheLastBlock) {
  const auto answer = [](std::string_view text) { return answer_in(text).value_or("none"); };
  EXPECT_EQ(answer("Sure."), "Sure.");
  EXPECT_EQ(answer(" \n Sure. "), " \n Sure. ");  // as it is where nothing was thought aloud
  EXPECT_EQ(answer("<think>I cannot.</think>\n\nSure. "), "Sure. ");
  EXPECT_EQ(answer("I cannot.</think>Sure."), "Sure.");  // the prompt opened the block
  EXPECT_EQ(answer("<think>a</think>x<think>b</think> Sure."), "Sure.");
  EXPECT_EQ(answer("<think>a <think> b</think> c</think> Sure."), "Sure.");
  EXPECT_EQ(answer("a < b, <thinking> and </thinker>"), "a < b, <thinking> and </thinker>");
  EXPECT_EQ(answer("<think>a</think>1 < 2"), "1 < 2");
}

TEST(Answer, ThereIsNoneWithoutAWord) {
  const std::string wide_space = "\xe3\x80\x80\xc2\xa0\xe2\x80\x83";
  for (const std::string& text :
       {std::string(), std::string(" \t\r\n"), wide_space, std::string("<think>and so"),
        std::string("<think></think>"), "<think>a</think>" + wide_space, std::string("Sure.</think>"),
        std::string("<think>a</think> Sure <think>b"), std::string("Sure. <think>")}) {
    EXPECT_FALSE(answer_in(text)) << text;
  }
  EXPECT_TRUE(answer_in("\xe2\x80\x8b"));  // U+200B is no white space
}

TEST(Answer, ReasoningIsKnownByItsTags) {
  for (const char* text : {"<think>", "x</think>y", "a <think>b</think>"}) EXPECT_TRUE(holds_reasoning(text));
  for (const char* text : {"", "think", "<think", "< think>", "<Think>", "<|think|>"})
    EXPECT_FALSE(holds_reasoning(text)) << text;
}

}  // namespace
}  // namespace holisafe::judge
