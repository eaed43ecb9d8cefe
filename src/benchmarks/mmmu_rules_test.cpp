#include "benchmarks/mmmu_rules.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "benchmarks/python_list.h"
#include "benchmarks/python_text.h"

namespace holisafe::benchmarks::mmmu {
namespace {

/// What lmms-eval 0.7.3, the authors' script and Python made of the same texts
/// (tools/fixtures/mmmu_rules.py).
const nlohmann::json& reference() {
  static const nlohmann::json found = [] {
    std::ifstream file(HOLISAFE_SOURCE_DIR "/src/benchmarks/testdata/mmmu_rules.json");
    return nlohmann::json::parse(file);
  }();
  return found;
}

TEST(MmmuRules, ChoicesAreReadAsTheScriptsReadThem) {
  ASSERT_GE(reference().at("choices").size(), 1500U);
  std::size_t unparsed = 0;
  for (const auto& row : reference().at("choices")) {
    const auto options = reference().at("options").at(row.at(0).get<std::size_t>());
    const auto read = [&](Script script) {
      const auto chosen =
          chosen_option(row.at(1).get<std::string>(), options.get<std::vector<std::string>>(), script);
      return chosen ? nlohmann::json(letter(*chosen)) : nlohmann::json();
    };
    EXPECT_EQ(read(Script::lmms_eval), row.at(2)) << row;
    EXPECT_EQ(read(Script::authors), row.at(3)) << row;
    unparsed += row.at(2).is_null() ? 1 : 0;
  }
  EXPECT_GT(unparsed, 100U);
}

/// As the fixture writes it: "f" or "s", then the value.
bool same_piece(const Piece& piece, const std::string& text) {
  if (const auto* string = std::get_if<std::string>(&piece)) return text == "s" + *string;
  if (text.front() != 'f') return false;
  const double value = std::stod(text.substr(1));
  const double found = std::get<double>(piece);
  return found == value || (std::isnan(found) && std::isnan(value));
}

TEST(MmmuRules, OpenAnswersAreReadAsTheScriptsReadThem) {
  ASSERT_GE(reference().at("open").size(), 1500U);
  std::size_t right = 0;
  for (const auto& row : reference().at("open")) {
    const auto pieces = meant(row.at(0).get<std::string>());
    const auto expected = row.at(3).get<std::vector<std::string>>();
    for (const auto& text : expected) {
      EXPECT_TRUE(
          std::any_of(pieces.begin(), pieces.end(), [&](const Piece& p) { return same_piece(p, text); }))
          << text << " is missing in " << row;
    }
    for (const Piece& piece : pieces) {
      EXPECT_TRUE(
          std::any_of(expected.begin(), expected.end(), [&](const auto& t) { return same_piece(piece, t); }))
          << testing::PrintToString(piece) << " is too much in " << row;
    }
    const auto truth = row.at(1).get<std::string>();
    const bool found = any_right(pieces, {truth});
    EXPECT_EQ(found, row.at(2).get<bool>()) << row;
    EXPECT_EQ(any_right(pieces, read_python_list(truth).value_or(std::vector{truth})), row.at(4).get<bool>())
        << row;
    right += found ? 1 : 0;
  }
  EXPECT_GT(right, 100U);
}

TEST(MmmuRules, ListsAreReadAsPythonReadsThem) {
  ASSERT_GE(reference().at("lists").size(), 200U);
  for (const auto& row : reference().at("lists")) {
    const auto found = read_python_list(row.at(0).get<std::string>());
    EXPECT_EQ(found ? nlohmann::json(*found) : nlohmann::json(), row.at(1)) << row;
  }
}

TEST(MmmuRules, ListFaultsAreNamed) {
  const auto fault = [](std::string_view text) { return read_python_list(text).error(); };
  EXPECT_EQ(fault("['a', 2]").message(), "not a Python list of strings: byte 6: expected a string in quotes");
  EXPECT_EQ(fault("['a', 2]").kind, ErrorKind::unsupported);
  EXPECT_EQ(fault("['a'").kind, ErrorKind::truncated);
  EXPECT_EQ(fault("['a'] x").kind, ErrorKind::malformed);
  EXPECT_EQ(fault("['\\ud800']").kind, ErrorKind::unsupported);
}

std::string by(Script script, std::string_view answer, const std::vector<std::string>& options) {
  const auto chosen = chosen_option(answer, options, script);
  return chosen ? letter(*chosen) : "";
}

TEST(MmmuRules, TheAuthorsChoices) {
  const std::vector<std::string> pets = {"a cat", "a dog", "a bird", "a fish"};
  const auto authors = [&](std::string_view answer) { return by(Script::authors, answer, pets); };
  EXPECT_EQ(authors("B"), "B");
  EXPECT_EQ(authors("B."), "B") << "marks at the ends go first";
  EXPECT_EQ(authors("(C)"), "C");
  EXPECT_EQ(authors("not (A), rather (D)"), "D") << "the one that stands last";
  EXPECT_EQ(authors("(A) beats B and C "), "A") << "brackets come before letters that stand alone";
  EXPECT_EQ(authors("first A then C"), "C");
  EXPECT_EQ(authors("B. a dog"), "") << "B. is no form of the authors'";
  EXPECT_EQ(by(Script::lmms_eval, "B. a dog", pets), "B");
  EXPECT_EQ(authors("DNA holds"), "");
  EXPECT_EQ(by(Script::lmms_eval, "DNA holds", pets), "A") << "a space behind is enough";
  EXPECT_EQ(authors("it is a dog"), "") << "four words: the choices' texts are not looked for";
  EXPECT_EQ(authors("It looks to me like A DOG"), "A") << "a letter that stands alone";
  EXPECT_EQ(authors("It looks to me like the a dog here"), "B");
  EXPECT_EQ(authors("of a cat and a bird it must be this: a cat"), "A") << "the text that stands last";
  EXPECT_EQ(authors(""), "");
}

TEST(MmmuRules, OpenAnswersByHand) {
  const auto right = [](std::string_view answer, std::vector<std::string> truths) {
    return any_right(meant(answer), truths);
  };
  EXPECT_TRUE(right("So the result is 1,234.", {"1234"}));
  EXPECT_TRUE(right("x = 2.675", {"2.67"})) << "the binary value lies below the tie";
  EXPECT_TRUE(right("0.125", {"0.12"})) << "a tie goes to the even digit";
  EXPECT_FALSE(right("The area is 5", {"6"}));
  EXPECT_TRUE(right("the answer is a", {"a"})) << "itself one character: with a space on one side";
  EXPECT_FALSE(right("banana", {"a"})) << "a single letter inside a word is no match";
  EXPECT_TRUE(right("It is 24/7", {"24/7", "3.429"})) << "any of a list";
  EXPECT_FALSE(right("3.429", {"24/7"}));
  EXPECT_TRUE(right("The capital is Paris, of course", {"paris"}));
}

TEST(MmmuRules, LongRunsOfDigitsAreReadOnce) {
  std::string digits(1'000'000, '7');
  EXPECT_EQ(meant(digits + "x").size(), 1U);
  for (std::size_t at = 3; at < digits.size(); at += 4) digits[at] = ',';
  EXPECT_GE(meant(digits).size(), 1U);
}

TEST(PythonText, FloatsAreThoseOfPython) {
  EXPECT_EQ(parsed_float(" 1_0.5e0_1\n"), 105.0);
  for (const char* text : {"", ".", "_1", "1_", "1__0", "1e", "e5", "+-1", "0x10", "1 2", "infinit"})
    EXPECT_FALSE(parsed_float(text)) << text;
  EXPECT_EQ(parsed_float("-Infinity"), -HUGE_VAL);
  EXPECT_EQ(parsed_float("1e400"), HUGE_VAL);
  EXPECT_EQ(parsed_float("1e-400"), 0.0);
  EXPECT_EQ(rounded_to_hundredths(1e300), 1e300);
}

TEST(PythonText, WordsAndCase) {
  EXPECT_EQ(count_words("a\xe3\x80\x80"
                        "b  c"),
            3U);
  EXPECT_EQ(lowered("\xc3\x89\xc4\xb0Z"), "\xc3\xa9i\xcc\x87z");
  EXPECT_EQ(lowered("\xce\x91\xce\xa3' \xce\xa3\xce\xa3x"), "\xce\xb1\xcf\x82' \xcf\x83\xcf\x83x")
      << "a sigma that ends a word";
  EXPECT_EQ(capitalized("\xc3\xa9"
                        "COLE"),
            "\xc3\x89"
            "cole");
  EXPECT_EQ(capitalized(""), "");
  EXPECT_EQ(replaced("aaa", "aa", "b"), "ba");
  EXPECT_EQ(byte_of_character("\xc3\xa9x", 1), 2U);
  EXPECT_EQ(byte_of_character("x", 5), 1U);
  EXPECT_EQ(count_characters("\xc3\xa9\xff"), 2U) << "a byte that is no UTF-8 is one";
  EXPECT_EQ(lowered("\xff\xc3"), "\xff\xc3");
}

}  // namespace
}  // namespace holisafe::benchmarks::mmmu
