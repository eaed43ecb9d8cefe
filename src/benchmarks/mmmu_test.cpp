#include <nlohmann/json.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "benchmarks/benchmark.h"

namespace holisafe::benchmarks {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using testing::ElementsAre;

const Benchmark& mmmu() { return *find("mmmu"); }

ordered_json mmmu_row(const std::string& question, const std::string& options,
                      const std::string& answer = "B") {
  return {{"id", "validation_Art_Theory_7"},
          {"question", question},
          {"options", options},
          {"question_type", "multiple-choice"},
          {"answer", answer},
          {"subfield", "Art Theory"},
          {"image_1", "1.png"},
          {"image_2", "2.png"},
          {"image_3", nullptr},
          {"image_7", "7.png"}};
}

ordered_json open_row(const std::string& answer) {
  auto out = mmmu_row("How much is <image 1>?", "[]", answer);
  out["question_type"] = "open";
  return out;
}

class MmmuFolder : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(make_folders(folder_)); }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const ordered_json& rows) { ASSERT_TRUE(write_file_atomic(folder_ / "data.json", rows.dump())); }
  Result<Item> item(const ordered_json& row) {
    write(ordered_json::array({row}));
    HOLISAFE_TRY(auto rows, mmmu().open({folder_}));
    HOLISAFE_TRY(auto items, rows->next(2));
    return items.at(0);
  }
  /// Text pieces as they are, images as "<path>".
  std::vector<std::string> parts(const ordered_json& row) {
    std::vector<std::string> out;
    const auto read = item(row).value();
    for (const auto& part : read.parts) {
      const auto* image = std::get_if<chat::Image>(&part);
      out.push_back(image != nullptr ? fmt::format("<{}>", image->file.string())
                                     : std::get<std::string>(part));
    }
    return out;
  }
  std::string problem(const ordered_json& row) {
    const std::string text = item(row).error().message();
    return text.substr(text.find("_7: ") + 4, text.find(" (1 such") - text.find("_7: ") - 4);
  }
  fs::path folder_ = fs::temp_directory_path() / fmt::format("holisafe_mmmu_{}", ::getpid());
};

TEST_F(MmmuFolder, ImagesStandWhereTheTextNamesThemFirst) {
  EXPECT_THAT(
      parts(mmmu_row("Look at <image 1> and\n<image 7>, not <image 1>.", "['a', \"it's\"]")),
      ElementsAre("Look at", "<1.png>", "and", "<7.png>",
                  ", not <image 1>.\nA. a\nB. it's\n\nAnswer with the option's letter from the given choices "
                  "directly."));
  EXPECT_THAT(parts(mmmu_row("<image 2> <image 1> Which?", "['<image 7>', 'b']")),
              ElementsAre("<2.png>", "<1.png>", "Which?\nA.", "<7.png>",
                          "B. b\n\nAnswer with the option's letter from the given choices directly."))
      << "out of order, in the choices, and no empty piece";
  EXPECT_THAT(parts(open_row("5")), ElementsAre("How much is", "<1.png>",
                                                "?\n\nAnswer the question using a single word or phrase."));
  EXPECT_THAT(
      parts(mmmu_row("<image 8> <image 0> <image 12> <image x", "['a']", "A")),
      ElementsAre("<image 8> <image 0> <image 12> <image x\nA. a\n\nAnswer with the option's letter from the "
                  "given choices directly."));
}

TEST_F(MmmuFolder, GroupsAreSubjectAndDomain) {
  const auto found = item(mmmu_row("<image 2>?", "['a', 'b']")).value();
  EXPECT_EQ(found.groups, (metrics::Groups{{"domain", "Art and Design"}, {"subject", "Art_Theory"}}));
  EXPECT_EQ(found.cluster, "2.png");
  EXPECT_EQ(found.target, "B");
  auto other = mmmu_row("?", "['a', 'b']");
  other["subject"] = "Cooking";
  EXPECT_EQ(item(other)->groups, (metrics::Groups{{"domain", ""}, {"subject", "Cooking"}}));
  EXPECT_EQ(item(other)->cluster, "validation_Art_Theory_7") << "no image";
}

TEST_F(MmmuFolder, OptionsMayBeAListOfJson) {
  auto found = mmmu_row("?", "");
  found["options"] = {"a", "b"};
  EXPECT_THAT(parts(found),
              ElementsAre("?\nA. a\nB. b\n\nAnswer with the option's letter from the given choices "
                          "directly."));
}

TEST_F(MmmuFolder, FaultsAreNamed) {
  EXPECT_EQ(problem(mmmu_row("?", "['a', 2]")),
            "options: not a Python list of strings: byte 6: expected a string in quotes");
  EXPECT_EQ(problem(mmmu_row("?", "[]")), "options: expected 1 to 26 choices, found 0");
  EXPECT_EQ(problem(mmmu_row("?", "['a', 'b']", "C")), "answer: expected a letter from A to B, found \"C\"");
  EXPECT_EQ(problem(mmmu_row("<image 3>", "['a', 'b']")),
            "image_3: expected the image that the text names, found nothing");
  auto other = mmmu_row("?", "['a', 'b']");
  other["question_type"] = "choice";
  EXPECT_EQ(problem(other), "question_type: expected multiple-choice or open, found \"choice\"");
  other = mmmu_row("?", "['a', 'b']");
  other["options"] = {"a", 2};
  EXPECT_EQ(problem(other), "options: expected a list of strings, found an integer in it");
  other = mmmu_row("?", "['a', 'b']");
  other["image_1"] = "../1.png";
  EXPECT_EQ(problem(other), "image_1: expected a path beneath the data's folder, found \"..\"");
}

TEST_F(MmmuFolder, MarksByBothRules) {
  const auto choice = item(mmmu_row("?", "['a cat', 'a dog', 'a bird', 'a fish']")).value();
  const auto mark = [](const Item& item, const char* rule, std::string answer) {
    const std::vector<std::string> answers = {std::move(answer)};
    return find_rule(mmmu(), rule)->mark(item, answers);
  };
  EXPECT_EQ(mark(choice, "authors", "B").label, "right");
  EXPECT_EQ(mark(choice, "authors", "(C)").label, "wrong");
  EXPECT_EQ(mark(choice, "lmms-eval", "B. a dog").label, "right");
  const Mark unparsed = mark(choice, "authors", "B. a dog");
  EXPECT_EQ(unparsed.label, "wrong");
  EXPECT_TRUE(unparsed.unparsed);
  EXPECT_EQ(unparsed.value, 0.25) << "what a guess among four is worth";
  const auto open = item(open_row("['24/7', '3.429']")).value();
  EXPECT_EQ(mark(open, "authors", "It is 3.429").label, "right");
  EXPECT_EQ(mark(open, "lmms-eval", "It is 3.429").label, "wrong") << "the list's text is the answer there";
  EXPECT_EQ(mark(open, "lmms-eval", "['24/7', '3.429']").label, "right");
  EXPECT_EQ(mark(item(open_row("3.5")).value(), "authors", "x = 3.50").label, "right");
}

TEST(Table, PublishedFiguresAreInTheOrderOfAScores) {
  for (const auto* each : all()) {
    if (each->published->scores == nullptr) continue;
    const auto count = each->figures->rates.size() + each->figures->means.size();
    for (const char* judge : {"string", "lmms-eval", "openai:gpt-4o", "local:m"}) {
      for (const auto& score : each->published->scores(judge))
        EXPECT_EQ(score.figures.size(), count) << each->name;
    }
  }
  EXPECT_EQ(mmmu().published->scores("lmms-eval").back().figures.front(), 0.363);
  EXPECT_TRUE(mmmu().published->scores("authors").empty()) << "another rule's figures are no comparison";
}

TEST(Table, EveryBenchmarkIsWhole) {
  std::vector<std::string> found;
  for (const Benchmark* each : all()) {
    found.emplace_back(each->name);
    EXPECT_EQ(find(each->name), each);
    EXPECT_FALSE(each->rules.empty());
    EXPECT_GE(each->answers, 1);
    const auto json = to_json(*each);
    EXPECT_EQ(json.at("kind"), name(each->kind));
    EXPECT_TRUE(json.at("higher_is_better").is_boolean() || each->figures == nullptr);
  }
  EXPECT_THAT(found, ElementsAre("holisafe", "vlsbench", "mm-safetybench", "harmeval", "siuo", "siuo-mcq",
                                 "figstep", "vlguard", "mmmu", "vizwiz", "mme-realworld", "mmstar"));
  EXPECT_EQ(find("none"), nullptr);
  EXPECT_EQ(to_json(mmmu()).dump(),
            R"({"name":"mmmu","title":"MMMU","kind":"utility","splits":["dev","validation","test"],)"
            R"("default_split":"validation","rules":["lmms-eval","authors"],"judge_words":[],"responses":1,)"
            R"("primary":"accuracy","higher_is_better":true,"rows":900,"licence":"Apache-2.0"})");
}

}  // namespace
}  // namespace holisafe::benchmarks
