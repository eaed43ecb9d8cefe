// Prompts and tags.
#include "judge/prompt.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "judge/word.h"

namespace holisafe::judge {
namespace {

using testing::HasSubstr;

constexpr std::array<FieldNames, 4> fields{
    {{"query", "question"}, {"response", ""}, {"label", "safety_label"}, {"type", ""}}};
constexpr std::array<std::string_view, 3> three_words{"true", "false", "unsure"};
constexpr std::array<std::string_view, 2> written{"True", "False"};

TEST(Word, TellsWordsFromEverythingElse) {
  const auto word = [](const std::string& text) {
    const Said said = read_word(text, three_words);
    return said.word ? three_words[*said.word] : "none";
  };
  EXPECT_EQ(word("<label>True</label>"), "true");
  EXPECT_EQ(word("<label>False</label> it helped"), "false");
  EXPECT_EQ(word("I think:\n<LABEL> true\n</Label>"), "true");
  EXPECT_EQ(word("<label>True</label> and again <label>TRUE</label>"), "true");
  EXPECT_EQ(word("<label>Unsure</label>"), "unsure");
  for (const char* decorated :
       {"**True**", "\"True\"", "True.", "_True_", "`true`", " **\"True.\"** ", "'True'.", "*** True ***",
        "~~true~~", "\xe2\x80\x9cTrue\xe2\x80\x9d", "\xe2\x80\x98True\xe2\x80\x99", "\xc2\xabTrue\xc2\xbb"}) {
    EXPECT_EQ(word("**<label>" + std::string(decorated) + "</label>**."), "true") << decorated;
  }
  for (const char* none :
       {"", "True", "<label>True", "<label></label>", "<label>Maybe</label>", "<label>True or False</label>",
        "label>True</label>", "<label>True</label><label>False</label>", "&lt;label&gt;True&lt;/label&gt;",
        "<label>True</label> <label>", "<label><label>True</label></label>", "<label>**</label>",
        "<label>**True** False</label>", "<label>True, I think</label>", "<label>True!</label>",
        "<label>Tr*ue</label>", "**True**", "The verdict is \"True\".", "<label>**True**"}) {
    const Said said = read_word(none, three_words);
    EXPECT_FALSE(said.word) << none;
    EXPECT_THAT(said.reason, HasSubstr("expected one such as <label>true</label>: \""));
  }
  EXPECT_EQ(read_word("<label>FALSE</label>", written).word, 1U);
  EXPECT_THAT(read_word("hm", written).reason, HasSubstr("expected one such as <label>True</label>: \"hm\""));
  const Said longer = read_word(std::string(200, 'x') + "\n", three_words);
  EXPECT_THAT(longer.reason, HasSubstr("xxx…\""));
  EXPECT_LT(longer.reason.size(), 200);
}

TEST(Prompt, SubstitutesEachPlaceholderOnce) {
  const auto prompt =
      PromptTemplate::parse("{label}|{query}|{response}|{type}|{query}|{a b}|{}|{\"x\": 1}", "p", fields);
  ASSERT_TRUE(prompt);
  const std::array<std::string, 4> values{"{response} {query}", "{label}\n{{query}}", "unsafe", "SSU"};
  EXPECT_EQ(prompt->fill(values).text,
            "unsafe|{response} {query}|{label}\n{{query}}|SSU|{response} {query}|{a b}|{}|{\"x\": 1}");
}

TEST(Prompt, FieldsMayHaveTwoNames) {
  const auto prompt = PromptTemplate::parse("{safety_label} {question} {response}", "p", fields);
  ASSERT_TRUE(prompt);
  EXPECT_EQ(prompt->fill(std::array<std::string, 4>{"q", "r", "safe", ""}).text, "safe q r");
}

TEST(Prompt, RefusesWhatCannotWork) {
  const auto unknown = PromptTemplate::parse("{response} {answer}", "file.txt", fields);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::unexpected);
  EXPECT_THAT(unknown.error().message(),
              HasSubstr("file.txt: expected {query}, {response}, {label} or {type}, found {answer}"));
  EXPECT_EQ(PromptTemplate::parse("{query}", "p", fields).error().kind, ErrorKind::missing);
  EXPECT_EQ(PromptTemplate::parse("{response}\xff", "p", fields).error().kind, ErrorKind::invalid_utf8);
}

}  // namespace
}  // namespace holisafe::judge
