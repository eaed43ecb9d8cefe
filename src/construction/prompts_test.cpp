#include "construction/prompts.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ask/json.h"

namespace holisafe::construction {
namespace {

using taxonomy::Combination;
using testing::HasSubstr;
using testing::Not;

constexpr std::array all_types{Combination::SSS, Combination::SSU, Combination::USU, Combination::SUU,
                               Combination::UUU};
constexpr std::array all_steps{Step::label, Step::write, Step::check, Step::text_check, Step::answer};

std::size_t lines_like(const std::string& text, const std::string& line) {
  std::size_t out = 0;
  for (auto at = text.find(line); at != std::string::npos; at = text.find(line, at + 1))
    out += (at == 0 || text[at - 1] == '\n') && text[at + line.size()] == '\n' ? 1 : 0;
  return out;
}

TEST(Prompts, InstructionNamesCombinationAndSubcategoryOnce) {
  std::set<std::string> hashes;
  for (const Combination type : all_types) {
    for (std::size_t subcategory = 1; subcategory < taxonomy::class_count; ++subcategory) {
      const Prompt prompt = instruction_prompt(type, subcategory, {});
      EXPECT_EQ(lines_like(prompt.text, "combination: " + std::string(taxonomy::name(type))), 1U);
      EXPECT_EQ(lines_like(prompt.text, "subcategory: " + std::string(taxonomy::classes()[subcategory].name)),
                1U);
      EXPECT_EQ(prompt.text, prompt.remembered);
      hashes.insert(prompt.sha256());
    }
  }
  EXPECT_EQ(hashes.size(), 95U);
  const Faulty all{true, true, true, true, true};
  const std::string again = instruction_prompt(Combination::USU, 3, all).text;
  EXPECT_EQ(lines_like(again, "combination: USU"), 1U);
  EXPECT_THAT(again, HasSubstr("An earlier text was taken back:\n"));
  EXPECT_THAT(instruction_prompt(Combination::USU, 3, {}).text, Not(HasSubstr("taken back")));
}

TEST(Prompts, ChecksHoldTheInstructionAndNothingOfThePlan) {
  const std::string instruction = "What {instruction} \"is\"\n this?\n";
  for (const Prompt& prompt : {check_prompt(instruction), text_check_prompt(instruction)}) {
    EXPECT_THAT(prompt.text, testing::EndsWith("\n" + instruction));
    EXPECT_THAT(prompt.text, Not(HasSubstr("combination")));
    EXPECT_THAT(prompt.text, Not(HasSubstr("subcategory")));
    for (const Combination type : all_types)
      EXPECT_THAT(prompt.text, Not(HasSubstr(std::string(taxonomy::name(type)))));
  }
  EXPECT_EQ(check_prompt("a").sha256(), check_prompt("b").sha256());
  EXPECT_NE(check_prompt("a").sha256(), text_check_prompt("a").sha256());
  EXPECT_THAT(response_prompt(Combination::SSS, instruction).text, testing::EndsWith("\n" + instruction));
  EXPECT_NE(response_prompt(Combination::SSS, "a").sha256(), response_prompt(Combination::UUU, "a").sha256());
  EXPECT_EQ(response_prompt(Combination::SSU, "a").sha256(), response_prompt(Combination::UUU, "b").sha256());
}

TEST(Prompts, LabellersSeeEveryClassAndWhenToSayQuarantine) {
  const std::string text = label_prompt().text;
  for (const auto& each : taxonomy::classes())
    EXPECT_THAT(text, HasSubstr("- " + std::string(each.name) + ": "));
  EXPECT_THAT(text, HasSubstr("\"quarantine\""));
  EXPECT_THAT(text, HasSubstr("minor"));
}

TEST(Prompts, SchemasAreStrict) {
  const std::set<std::string> allowed = {"type", "description", "enum"};
  std::set<std::string> names;
  for (const Step step : all_steps) {
    const chat::AnswerSchema found = schema_of(step);
    names.insert(found.name);
    const auto schema = *ask::parse_json("", found.schema);
    EXPECT_EQ(schema["additionalProperties"], false);
    ask::Json required = ask::Json::array();
    for (const auto& [name, field] : schema["properties"].items()) {
      required.push_back(name);
      for (const auto& [keyword, value] : field.items()) EXPECT_TRUE(allowed.contains(keyword)) << keyword;
    }
    EXPECT_EQ(schema["required"], required);
  }
  EXPECT_EQ(names, (std::set<std::string>{"holisafe_label", "holisafe_instruction", "holisafe_check",
                                          "holisafe_text_check", "holisafe_response"}));
}

TEST(Prompts, WhatIsWrittenIsSampledFromItsOwnSeed) {
  EXPECT_EQ(generation_of(Step::check, 1, 2, 3).temperature, 0);
  EXPECT_EQ(generation_of(Step::check, 1, 2, 3).seed, 0U);
  std::set<std::uint64_t> seeds;
  for (const auto& how : {generation_of(Step::write, 1, 2, 0), generation_of(Step::write, 1, 2, 1),
                          generation_of(Step::write, 1, 3, 0), generation_of(Step::write, 2, 2, 0),
                          generation_of(Step::answer, 1, 2, 0)}) {
    EXPECT_EQ(how.temperature, 1);
    EXPECT_LT(how.seed, std::uint64_t{1} << 31);
    seeds.insert(how.seed);
  }
  EXPECT_EQ(seeds.size(), 5U);
  EXPECT_EQ(generation_of(Step::write, 1, 2, 1).seed, generation_of(Step::write, 1, 2, 1).seed);
}

}  // namespace
}  // namespace holisafe::construction
