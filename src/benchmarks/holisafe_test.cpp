#include "benchmarks/holisafe.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace holisafe::benchmarks {
namespace {

namespace fs = std::filesystem;
using dataset::Problems;

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

/// What a text holds, and its sound rows.
struct Found {
  Contents contents;
  std::vector<Item> items;
};

Found read(const std::string& text, const fs::path& file = "b.json") {
  std::vector<Item> items;
  auto contents =
      read_row_text(holisafe_format, text, file, [&](const Item& item) { items.push_back(item); });
  return {*std::move(contents), std::move(items)};
}

TEST(HoliSafe, ReadsTheOfficialLayout) {
  const auto found = read("[" + row() + ",\n" + row("", "\"7\"") + "]", "d/holisafe_bench.json");
  ASSERT_EQ(found.items.size(), 2U);
  EXPECT_TRUE(found.contents.problems.empty() && found.contents.disagreements.empty());
  const Item& item = found.items[0];
  EXPECT_EQ(item.id, "7");
  EXPECT_EQ(item.position, 0);
  ASSERT_EQ(item.parts.size(), 2U);
  EXPECT_EQ(std::get<chat::Image>(item.parts[0]).file, "hate/race/a.png");
  EXPECT_EQ(std::get<std::string>(item.parts[1]), "What \u00e9?");
  EXPECT_EQ(item.query, "What \u00e9?");
  EXPECT_EQ(item.cluster, "hate/race/a.png");
  EXPECT_EQ(item.group("type"), "USU");
  EXPECT_EQ(item.group("category"), "hate");
  EXPECT_EQ(item.group("subcategory"), "race") << "by the taxonomy's name";
  EXPECT_EQ(item.label, 2);
  EXPECT_EQ(item.json, row());
  EXPECT_TRUE(found.items[1].id_is_string);
  EXPECT_EQ(found.items[1].position, 1);
  EXPECT_EQ(found.contents.images.path, fs::path("d/images"));
  const auto fields = *dataset::raw_fields(item.json);
  ASSERT_EQ(fields.size(), 9U);
  EXPECT_EQ(fields[2].value, "\"What \\u00e9?\"");
  EXPECT_EQ(fields[8].key, "\"extra\"");
  EXPECT_EQ(fields[8].value, "[1, {}]");
}

TEST(HoliSafe, EveryProblemAtOnce) {
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
  const auto found = read(fmt::format("[{}]", fmt::join(rows, ",")));
  ASSERT_EQ(found.items.size(), 2U);
  EXPECT_EQ(found.items[1].position, 9);
  EXPECT_EQ(found.contents.rows, 10U);
  EXPECT_EQ(found.contents.sound, 2U);
  EXPECT_THAT(
      messages(found.contents.problems),
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

TEST(HoliSafe, ContradictionsAreKeptAndNamed) {
  const std::vector<std::string> rows = {
      replaced(row("", "1"), "\"USU\"", "\"SUU\""),
      replaced(row("", "2"), "race_discrimination", "weather"),
      replaced(row("", "3"), "\"category\": \"hate\"", "\"category\": \"violence\""),
  };
  const auto found = read(fmt::format("[{}]", fmt::join(rows, ",")));
  ASSERT_EQ(found.items.size(), 3U);
  EXPECT_EQ(found.items[1].group("subcategory"), "") << "no value of the group";
  EXPECT_TRUE(found.contents.problems.empty());
  EXPECT_THAT(
      messages(found.contents.disagreements),
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

class HoliSafeFolder : public testing::Test {
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

TEST_F(HoliSafeFolder, EachImageFaultIsItsOwnError) {
  std::vector<std::string> rows;
  for (const std::string image : {"good.png", "good.png", "bad.png", "link.png", "folder", "none.png"})
    rows.push_back(replaced(row("", std::to_string(rows.size())), "hate/race/a.png", image));
  rows.push_back(replaced(replaced(row("", "6"), "hate/race/a.png", "gone.png"), "\"USU\"", "\"USS\""));
  std::ofstream(folder_ / dataset::bench_file_name) << fmt::format("[{}]", fmt::join(rows, ","));
  const auto contents = read_rows(holisafe_format, {folder_}, {}).value();
  Problems problems(contents.file);
  int looked = 0;
  const CheckImage check = [&](const chat::Image& image) -> Result<void> {
    const fs::path& path = image.file;
    ++looked;
    if (path.filename() == "bad.png")
      return fail(ErrorKind::malformed, "cannot decode image", path.string(), "no");
    return {};
  };
  StopFlag stop;
  ASSERT_TRUE(check_images(contents, check, problems, nullptr, stop));
  EXPECT_EQ(looked, 3);
  ASSERT_EQ(problems.count(), 4U) << "a link is followed";
  const ErrorKind kinds[] = {ErrorKind::malformed, ErrorKind::not_a_file, ErrorKind::not_found,
                             ErrorKind::not_found};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(name(problems.kept()[i].kind), name(kinds[i]));
  EXPECT_THAT(problems.kept()[0].message(), testing::HasSubstr("row 3 (index 2), id 2: image: bad.png: no"));
  stop.request();
  EXPECT_EQ(check_images(contents, check, problems, nullptr, stop).error().kind, ErrorKind::interrupted);
}

TEST_F(HoliSafeFolder, NamesWhatCannotBeRead) {
  const auto& benchmark = *find("holisafe");
  EXPECT_EQ(benchmark.open({folder_}).error().kind, ErrorKind::not_found);
  EXPECT_EQ(benchmark.read_all({folder_ / "none"}, {}).error().kind, ErrorKind::not_found);
}

/// All rows, asked for `most` at a time.
Result<std::vector<Item>> all_rows(const fs::path& data, std::size_t most) {
  HOLISAFE_TRY(auto rows, find("holisafe")->open({data}));
  std::vector<Item> out;
  while (true) {
    HOLISAFE_TRY(auto piece, rows->next(most));
    if (piece.empty()) return out;
    EXPECT_LE(piece.size(), most);
    std::move(piece.begin(), piece.end(), std::back_inserter(out));
  }
}

TEST_F(HoliSafeFolder, RowsAreTheSameInPiecesOfAnySize) {
  std::vector<std::string> rows;
  for (int i = 0; i < 1000; ++i) rows.push_back(row("", std::to_string(i)));
  std::ofstream(folder_ / dataset::bench_file_name) << fmt::format("[{}]", fmt::join(rows, ",\n"));
  for (const std::size_t most : {1U, 7U, 256U, 2000U}) {
    const auto found = all_rows(folder_, most).value();
    ASSERT_EQ(found.size(), rows.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      ASSERT_EQ(found[i].position, static_cast<std::int64_t>(i));
      ASSERT_EQ(found[i].json, rows[i]);
    }
  }
}

TEST_F(HoliSafeFolder, ARowThatCannotBeUsedEndsTheReading) {
  const auto file = folder_ / dataset::bench_file_name;
  const auto error = [&](const std::string& text) {
    std::ofstream(file) << text;
    return all_rows(folder_, 2).error();
  };
  const auto twice = error("[" + row("", "1") + "," + row("", "2") + "," + row("", "3") + "," + row("", "1") +
                           "," + replaced(row("", "4"), "USU", "USS") + "]");
  EXPECT_EQ(twice.kind, ErrorKind::duplicate);
  EXPECT_THAT(twice.message(),
              testing::HasSubstr("row 4 (index 3), id 1: id: expected an id of its own, found that "
                                 "of an earlier row (2 such problems; `holisafe data check`"));
  EXPECT_THAT(error("[" + row() + ", 7]").message(),
              testing::HasSubstr("row 2 (index 1), id unknown: expected an"));
  EXPECT_EQ(error("[]").kind, ErrorKind::missing);
  EXPECT_EQ(error(" ").kind, ErrorKind::missing);
  EXPECT_EQ(error("{}").kind, ErrorKind::missing);  // a line of JSON: a row without fields
  EXPECT_EQ(error("[" + row() + ",").kind, ErrorKind::truncated);
  const std::string text = "[" + row() + ", {\"id\": tru}]";
  EXPECT_EQ(error(text).where, fmt::format("{}: byte {}", file.string(), text.find("tru")));
}

TEST(HoliSafe, ReadsAsManyRowsAsTheWholeSet) {
  std::string text = "[";
  for (int i = 0; i < 14'246; ++i) text += (i == 0 ? "" : ",") + row("", std::to_string(i));
  text += "]";
  EXPECT_EQ(read(text).items.size(), 14'246U);
}

TEST(HoliSafe, RulesAndJudgesSayWhetherItRefused) {
  const auto& benchmark = *find("holisafe");
  Item item;
  const auto label = [&](std::string_view type, std::string_view kept) {
    item.groups = {{"type", std::string(type)}};
    return benchmark.protocol->mark(item, kept).label;
  };
  EXPECT_EQ(label("SSS", "expected"), "complied");
  EXPECT_EQ(label("SSS", "unexpected"), "refused");
  EXPECT_EQ(label("SUU", "expected"), "refused");
  EXPECT_EQ(label("UUU", "unexpected"), "complied");
  const std::vector<std::string> answers = {"I'm sorry, but no."};
  EXPECT_EQ(find_rule(benchmark, "string")->mark(item, answers).label, "refused");
  EXPECT_EQ(find_rule(benchmark, "none"), nullptr);
}

TEST(HoliSafe, ThePromptsFieldsAreTheRows) {
  const auto found = read("[" + row() + "," + replaced(row("", "8"), "race_discrimination", "weather") + "]");
  const auto value = [&](std::string_view name, const Item& item) -> std::string {
    for (const auto& field : find("holisafe")->protocol->fields) {
      if (field.name == name || field.alias == name) return field.value(item, "an answer");
    }
    return "no such field";
  };
  EXPECT_EQ(value("question", found.items[0]), "What \u00e9?");
  EXPECT_EQ(value("response", found.items[0]), "an answer");
  EXPECT_EQ(value("safety_label", found.items[0]), "unsafe");
  EXPECT_EQ(value("type", found.items[0]), "USU");
  EXPECT_EQ(value("category", found.items[0]), "hate");
  EXPECT_EQ(value("subcategory", found.items[1]), "safe") << "a subcategory that is none of the taxonomy's";
}

}  // namespace
}  // namespace holisafe::benchmarks
