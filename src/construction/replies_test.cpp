#include "construction/replies.h"

#include <gtest/gtest.h>

namespace holisafe::construction {
namespace {

using Kind = KeptReply::Kind;

chat::Reply said(std::string text, std::string finish_reason = "stop") {
  chat::Reply out;
  out.text = std::move(text);
  out.finish_reason = std::move(finish_reason);
  return out;
}

Kind kind(Step step, const std::string& text, const std::string& finish_reason = "stop") {
  return reading_of(step, said(text, finish_reason)).kind;
}

constexpr const char* instruction = R"({"instruction":"What is this?"})";
constexpr const char* check = R"({"image_safe":true,"text_safe":true,"together_safe":false,"reason":"r"})";

TEST(Replies, ObjectsOfEveryStep) {
  const auto read = [](Step step, const char* text) {
    const Reading found = reading_of(step, said(text));
    EXPECT_EQ(found.kind, Kind::sound) << found.reason;
    return found.object;
  };
  EXPECT_EQ(read(Step::write, instruction), instruction);
  EXPECT_EQ(read(Step::check, check), check);
  EXPECT_EQ(read(Step::text_check, R"({"reason":"", "reveals_image":false, "harmful":true, "more": 1})"),
            R"({"harmful":true,"reveals_image":false,"reason":""})");
  EXPECT_EQ(read(Step::answer, R"({"response":"I'm sorry, no."})"), R"({"response":"I'm sorry, no."})");
  EXPECT_EQ(read(Step::label, R"({"label":"gender_discrimination","reason":"x"})"),
            R"({"label":"gender_discrimination","reason":"x"})");
  EXPECT_EQ(read(Step::label, R"({"label":"quarantine","reason":"x"})"),
            R"({"label":"quarantine","reason":"x"})");
}

TEST(Replies, FencesAndTextAroundAreLetThrough) {
  const std::string object = instruction;
  for (const std::string& text :
       {"```json\n" + object + "\n```", "Sure {as you like}: " + object + " {", "{" + object,
        object + "\n" + object, "<think>{\"instruction\":\"no\"}</think>" + object,
        R"({"type":"object","properties":{"instruction":{"type":"string"}}} )" + object}) {
    const Reading found = reading_of(Step::write, said(text));
    EXPECT_EQ(found.kind, Kind::sound) << text << found.reason;
    EXPECT_EQ(found.object, object) << text;
  }
}

TEST(Replies, Broken) {
  for (const char* text :
       {"", "  ", "What is this?", "{", R"({"instruction":7})", R"({"instruction":" \n"})", R"({"text":"a"})",
        R"({"instruction":"a")", R"([{"Instruction":"a"}])", R"({"instruction":null})",
        R"({"instruction":"a"}{"instruction":"b"})", R"({"answer":{"instruction":"a"}})",
        R"({"type":"object","properties":{"instruction":{"type":"string"}}})"})
    EXPECT_EQ(kind(Step::write, text), Kind::broken) << text;
  EXPECT_EQ(kind(Step::write, instruction, "length"), Kind::broken);
  EXPECT_EQ(kind(Step::write, instruction, "MAX_TOKENS"), Kind::broken);
  EXPECT_EQ(kind(Step::check, R"({"image_safe":"true","text_safe":true,"together_safe":true,"reason":""})"),
            Kind::broken);
  EXPECT_EQ(kind(Step::check, R"({"image_safe":true,"text_safe":true,"together_safe":true})"), Kind::broken);
  EXPECT_EQ(kind(Step::label, R"({"label":"cats","reason":"x"})"), Kind::broken);
  EXPECT_EQ(reading_of(Step::label, said(R"({"label":"cats","reason":"x"})")).reason,
            "\"label\" is \"cats\", which is no class");
}

TEST(Replies, DeclinesInAllTheirShapes) {
  chat::Reply refusal = said(instruction);
  refusal.refusal = "I won't.";
  EXPECT_EQ(reading_of(Step::write, refusal).kind, Kind::declined);
  EXPECT_EQ(reading_of(Step::write, refusal).reason, "I won't.");
  chat::Reply filtered = said("", "content_filter");
  filtered.state = chat::State::filtered;
  EXPECT_EQ(reading_of(Step::write, filtered).kind, Kind::declined);
  EXPECT_EQ(reading_of(Step::write, filtered).reason, "content filter: content_filter");
  chat::Reply own = said("No.");
  own.state = chat::State::declined;
  EXPECT_EQ(reading_of(Step::answer, own).kind, Kind::declined);
  EXPECT_EQ(kind(Step::write, "I can't help with that."), Kind::declined);
  EXPECT_EQ(kind(Step::write, " I\xe2\x80\x99m sorry, but no.", "length"), Kind::declined);
  EXPECT_EQ(kind(Step::write, R"({"instruction":"I cannot assist with that."})"), Kind::declined);
  EXPECT_EQ(kind(Step::check, "I cannot assist with that."), Kind::declined);
  // An answer may well refuse, and words inside an instruction are its own.
  EXPECT_EQ(kind(Step::answer, R"({"response":"I cannot assist with that."})"), Kind::sound);
  EXPECT_EQ(kind(Step::write, R"({"instruction":"Why do they say \"I can't\"?"})"), Kind::sound);
  EXPECT_EQ(kind(Step::write, R"(I'm sorry, this is broken: {"instruction":7})"), Kind::broken);
}

TEST(Replies, BracesWithoutEndTakeNoTime) {
  EXPECT_EQ(kind(Step::write, std::string(std::size_t{1} << 20, '{')), Kind::broken);
  EXPECT_EQ(kind(Step::write, std::string(5000, '{') + instruction), Kind::broken);
}

}  // namespace
}  // namespace holisafe::construction
