#include "dataset/bench.h"

#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace holisafe::dataset {
namespace {

namespace fs = std::filesystem;
using taxonomy::Combination;

std::string row(const std::string& changed = "", const std::string& id = "7") {
  return "{\"id\": " + id +
         R"(, "image": "hate/race/a.png", "query": "What \u00e9?", "type": "USU", "category": "hate",
    "subcategory": "race_discrimination", "image_safe": false, "image_safety_label": 2, "extra": [1, {}])" +
         changed + "}";
}

std::vector<std::string> messages(const Problems& problems) {
  std::vector<std::string> out;
  for (const auto& error : problems.kept()) out.push_back(error.message());
  return out;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST(Bench, ReadsTheOfficialLayout) {
  const auto bench =
      parse_bench("[" + row() + ",\n" + row("", "\"7\"") + "]", "d/holisafe_bench.json").value();
  ASSERT_EQ(bench.samples.size(), 2U);
  EXPECT_TRUE(bench.problems.empty() && bench.disagreements.empty());
  const Sample& sample = bench.samples[0];
  EXPECT_EQ(sample.id, "7");
  EXPECT_EQ(sample.image, "hate/race/a.png");
  EXPECT_EQ(sample.query, "What \u00e9?");
  EXPECT_EQ(sample.type, Combination::USU);
  EXPECT_EQ(sample.subcategory_class, 2);
  EXPECT_EQ(sample.image_safety_label, 2);
  EXPECT_EQ(sample.json, row());
  EXPECT_TRUE(bench.samples[1].id_is_string);
  EXPECT_EQ(bench.images(), fs::path("d/images"));
  const auto fields = raw_fields(sample.json);
  ASSERT_EQ(fields.size(), 9U);
  EXPECT_EQ(fields[2].value, "\"What \\u00e9?\"");
  EXPECT_EQ(fields[8].key, "\"extra\"");
  EXPECT_EQ(fields[8].value, "[1, {}]");
}

TEST(Bench, EveryProblemAtOnce) {
  const std::vector<std::string> rows = {
      row(),
      row(),                                                  // same id
      replaced(row("", "1"), "\"USU\"", "\"USS\""),           // no such type
      replaced(row("", "2"), "\"query\"", "\"question\""),    // missing
      replaced(row("", "3"), "hate/race/a.png", "../a.png"),  // leaves the folder
      replaced(row("", "4"), "\"image_safety_label\": 2", "\"image_safety_label\": 20"),
      replaced(row("", "5"), "\"image_safe\": false", "\"image_safe\": 0"),
      row(", \"type\": \"SSS\"", "6"),  // twice
      "[1]",
      row("", "8"),
  };
  const auto bench = parse_bench(fmt::format("[{}]", fmt::join(rows, ",")), "b.json").value();
  EXPECT_EQ(bench.samples.size(), 2U);
  EXPECT_EQ(bench.samples[1].row, 9U);
  EXPECT_THAT(
      messages(bench.problems),
      testing::ElementsAre(
          "invalid row: b.json: row 2 (index 1), id 7: id: expected an id of its own, found that of an "
          "earlier row",
          "invalid row: b.json: row 3 (index 2), id 1: type: expected SSS, SSU, USU, SUU or UUU, found "
          "\"USS\"",
          "invalid row: b.json: row 4 (index 3), id 2: query: expected a string, found nothing",
          "invalid row: b.json: row 5 (index 4), id 3: image: expected a path beneath images/, found \"..\"",
          "invalid row: b.json: row 6 (index 5), id 4: image_safety_label: expected 0 to 19, found 20",
          "invalid row: b.json: row 7 (index 6), id 5: image_safe: expected a boolean, found an integer",
          "invalid row: b.json: row 8 (index 7), id 6: type: expected the field once, found it again",
          "invalid row: b.json: row 9 (index 8), id unknown: expected an object, found an array"));
}

TEST(Bench, ContradictionsAreKeptAndNamed) {
  const std::vector<std::string> rows = {
      replaced(row("", "1"), "\"USU\"", "\"SUU\""),
      replaced(row("", "2"), "race_discrimination", "weather"),
      replaced(row("", "3"), "\"category\": \"hate\"", "\"category\": \"violence\""),
  };
  const auto bench = parse_bench(fmt::format("[{}]", fmt::join(rows, ",")), "b.json").value();
  EXPECT_EQ(bench.samples.size(), 3U);
  EXPECT_TRUE(bench.problems.empty());
  EXPECT_THAT(
      messages(bench.disagreements),
      testing::ElementsAre(
          "contradictory row: b.json: row 1 (index 0), id 1: image_safe: expected true for type SUU, found "
          "false",
          "contradictory row: b.json: row 1 (index 0), id 1: image_safety_label: expected 0 for type SUU, "
          "found 2",
          "contradictory row: b.json: row 2 (index 1), id 2: subcategory: expected one of the 19 harm "
          "subcategories, found \"weather\"",
          "contradictory row: b.json: row 3 (index 2), id 3: category: expected \"hate\" for subcategory "
          "\"race_discrimination\", found \"violence\""));
}

class BenchFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("holisafe_dataset_{}", ::getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "images/folder");
    std::ofstream(folder_ / "secret.png") << "secret";
    std::ofstream(folder_ / "images/good.png") << "good";
    std::ofstream(folder_ / "images/bad.png") << "bad";
    fs::create_symlink(folder_ / "secret.png", folder_ / "images/link.png");
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(BenchFolder, EachImageFaultIsItsOwnError) {
  std::vector<std::string> rows;
  for (const std::string image : {"good.png", "good.png", "bad.png", "link.png", "folder", "none.png"})
    rows.push_back(replaced(row("", std::to_string(rows.size())), "hate/race/a.png", image));
  rows.push_back(replaced(replaced(row("", "6"), "hate/race/a.png", "gone.png"), "\"USU\"", "\"USS\""));
  std::ofstream(folder_ / bench_file_name) << fmt::format("[{}]", fmt::join(rows, ","));
  const auto bench = read_bench(folder_).value();
  Problems problems(bench.file.name());
  int looked = 0;
  const CheckImage check = [&](const fs::path& path) -> Result<void> {
    ++looked;
    if (path.filename() == "bad.png")
      return fail(ErrorKind::malformed, "cannot decode image", path.string(), "no");
    return {};
  };
  StopFlag stop;
  ASSERT_TRUE(check_images(bench, check, problems, nullptr, stop));
  EXPECT_EQ(looked, 2);
  ASSERT_EQ(problems.count(), 5U);
  const ErrorKind kinds[] = {ErrorKind::malformed, ErrorKind::outside_root, ErrorKind::not_a_file,
                             ErrorKind::not_found, ErrorKind::not_found};
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(name(problems.kept()[i].kind), name(kinds[i]));
  EXPECT_THAT(problems.kept()[0].message(), testing::HasSubstr("row 3 (index 2), id 2: image: bad.png: no"));
  stop.request();
  EXPECT_EQ(check_images(bench, check, problems, nullptr, stop).error().kind, ErrorKind::interrupted);
}

TEST_F(BenchFolder, NamesWhatCannotBeRead) {
  EXPECT_EQ(read_bench(folder_).error().kind, ErrorKind::not_found);
  EXPECT_EQ(read_bench(folder_ / "none").error().kind, ErrorKind::not_found);
}

TEST(Bench, LoadsAsManyRowsAsTheWholeSet) {
  std::string text = "[";
  for (int i = 0; i < 14'246; ++i) text += (i == 0 ? "" : ",") + row("", std::to_string(i));
  text += "]";
  const auto bench = parse_bench(text, "b.json").value();
  EXPECT_EQ(bench.samples.size(), 14'246U);
}

}  // namespace
}  // namespace holisafe::dataset
