// Answers read by the rules of the sets that need no judge, against the peers' own functions
// (tools/fixtures/answer_rules.py).
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "benchmarks/letters.h"
#include "benchmarks/mme_realworld_rules.h"
#include "benchmarks/mmmu_rules.h"
#include "benchmarks/mmstar_rules.h"
#include "benchmarks/python_text.h"
#include "benchmarks/siuo_mcq_rules.h"
#include "benchmarks/vizwiz_rules.h"
#include "benchmarks/vlguard_rules.h"

namespace holisafe::benchmarks {
namespace {

using nlohmann::json;

constexpr std::size_t least_cases = 2000;

json fixture(const std::string& name) {
  std::ifstream file(HOLISAFE_SOURCE_DIR "/src/benchmarks/testdata/" + name + "_rules.json");
  return json::parse(file);
}

json as_json(std::optional<std::size_t> option) { return option ? json(letter(*option)) : json(); }

TEST(MmstarRules, ReadAsTheScriptsRead) {
  const auto found = fixture("mmstar");
  ASSERT_GE(found.at("cases").size(), least_cases);
  for (const auto& row : found.at("cases")) {
    const auto answer = row.at(0).get<std::string>();
    EXPECT_EQ(as_json(mmstar::chosen_option(answer, Script::lmms_eval)), row.at(1)) << row;
    EXPECT_EQ(as_json(mmstar::chosen_option(answer, Script::authors)), row.at(2)) << row;
  }
}

TEST(MmeRealworldRules, ReadAsTheScriptsRead) {
  const auto found = fixture("mme_realworld");
  ASSERT_GE(found.at("cases").size(), least_cases);
  for (const auto& row : found.at("cases")) {
    const auto answer = row.at(0).get<std::string>();
    const auto options = found.at("options").at(row.at(1).get<std::size_t>()).get<std::vector<std::string>>();
    const auto read = [&](Script script) {
      const auto letter = mme_realworld::chosen_letter(answer, options, script);
      return letter ? json(std::string(1, *letter)) : json();
    };
    EXPECT_EQ(read(Script::lmms_eval), row.at(2)) << row;
    EXPECT_EQ(read(Script::authors), row.at(3)) << row;
  }
}

TEST(SiuoMcqRules, ReadAsTheScriptReads) {
  const auto found = fixture("siuo_mcq");
  ASSERT_GE(found.at("cases").size(), least_cases);
  for (const auto& row : found.at("cases"))
    EXPECT_EQ(as_json(siuo_mcq::chosen_option(row.at(0).get<std::string>())), row.at(1)) << row;
}

TEST(VizwizRules, ReadAsTheScriptsRead) {
  const auto found = fixture("vizwiz");
  ASSERT_GE(found.at("cases").size(), least_cases);
  for (const auto& row : found.at("cases")) {
    const auto answer = row.at(0).get<std::string>();
    const auto truths = row.at(1).get<std::vector<std::string>>();
    EXPECT_EQ(vizwiz::normalized(answer, Script::lmms_eval), row.at(2).get<std::string>()) << row;
    EXPECT_NEAR(vizwiz::accuracy(answer, truths, Script::lmms_eval), row.at(3).get<double>(), 1e-8) << row;
    EXPECT_EQ(vizwiz::normalized(answer, Script::authors), row.at(4).get<std::string>()) << row;
    EXPECT_NEAR(vizwiz::accuracy(answer, truths, Script::authors), row.at(5).get<double>(), 1e-8) << row;
    EXPECT_EQ(capitalized(answer), row.at(6).get<std::string>()) << row;
  }
}

TEST(VlguardRules, ReadAsTheScriptReads) {
  EXPECT_EQ(vlguard::refusal_phrases().size(), 59U);
  const auto found = fixture("vlguard");
  ASSERT_GE(found.at("cases").size(), least_cases);
  std::size_t refused = 0;
  for (const auto& row : found.at("cases")) {
    EXPECT_EQ(vlguard::is_refusal(row.at(0).get<std::string>()), row.at(1).get<bool>()) << row;
    refused += row.at(1).get<bool>() ? 1 : 0;
  }
  EXPECT_GT(refused, 500U);
}

/// Every rule once over the same answer.
void read_by_all(const std::string& answer) {
  const std::vector<std::string> options = {"(A) a cat", "(B) a dog", "(C) a bird"};
  const std::vector<std::string> truths(10, "a dog");
  for (const Script script : {Script::authors, Script::lmms_eval}) {
    mmmu::chosen_option(answer, options, script);
    mmstar::chosen_option(answer, script);
    mme_realworld::chosen_letter(answer, options, script);
    vizwiz::accuracy(answer, truths, script);
  }
  mmmu::any_right(mmmu::meant(answer), truths);
  siuo_mcq::chosen_option(answer);
  vlguard::is_refusal(answer);
}

TEST(AnswerRules, TimeGrowsAsTheAnswerDoes) {
  constexpr std::size_t size = 1'000'000;
  std::string words;
  std::string sigmas;
  std::string phrases;
  while (words.size() < size) words += "it is so, 1,234.5 (e) don't\n";
  while (sigmas.size() < size) sigmas += "\xce\xa3'";
  while (phrases.size() < size) phrases += "The answer is \xc4\xb0 ";
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& answer :
       {std::string(size, 'x'), std::string(size, ' '), std::string(size, '.'), std::string(size, '\''),
        std::string(size, '1'), std::string(size, 'i'), words, sigmas, phrases})
    read_by_all(answer);
  // A quadratic reader takes minutes for one of them.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

TEST(AnswerRules, AnyBytesAreAnAnswer) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; second += 5)
      read_by_all(std::string{static_cast<char>(first), static_cast<char>(second), 'A'});
  }
}

}  // namespace
}  // namespace holisafe::benchmarks
