// What sources give, and what they are refused for.
#include "construction/build_sources.h"

#include <filesystem>
#include <fstream>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace holisafe::construction {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class BuildSources : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "photos");
  }
  void TearDown() override { fs::remove_all(folder_); }

  void put(const std::string& path, std::string_view bytes = "picture") const {
    fs::create_directories((folder_ / path).parent_path());
    std::ofstream(folder_ / path, std::ios::binary) << bytes;
  }
  [[nodiscard]] std::string at(const std::string& path) const { return (folder_ / path).string(); }

  /// Keeps "PATH LABEL" of each picture.
  OnPicture kept() {
    return [this](const NamedPicture& picture) {
      pictures_.push_back(picture);
      lines_.push_back(
          fmt::format("{} {}", picture.path, picture.label ? taxonomy::classes()[*picture.label].name : "-"));
      return Result<void>();
    };
  }
  std::vector<std::string> tree(const std::string& folder) {
    lines_.clear();
    others_ = 0;
    const auto read = read_tree(folder, kept(), others_);
    EXPECT_TRUE(read) << read.error().message();
    return lines_;
  }
  std::string tree_refusal() {
    const auto read = read_tree(at("photos"), kept(), others_);
    return read ? "" : read.error().message();
  }
  std::vector<std::string> table(const std::string& file) {
    lines_.clear();
    pictures_.clear();
    const auto read = read_table(file, kept());
    EXPECT_TRUE(read) << read.error().message();
    return lines_;
  }
  std::string table_refusal(const std::string& file) {
    const auto read = read_table(file, kept());
    return read ? "" : read.error().message();
  }

  fs::path folder_ = fs::temp_directory_path() / fmt::format("build_sources_test_{}", ::getpid());
  std::vector<std::string> lines_;
  std::vector<NamedPicture> pictures_;
  std::uint64_t others_ = 0;
};

TEST_F(BuildSources, ATreeLabelsByTheLastFolderThatNamesAClass) {
  for (const auto* path : {"safe/cats/b.png", "safe/a.PNG", "violence/gender_discrimination/x/c.webp",
                           "safe/suicide/d.jpeg", "e.gif", "safe-not/f.jpg"})
    put(std::string("photos/") + path);
  put("photos/notes.txt");
  put("photos/safe/.DS_Store");
  EXPECT_THAT(tree(at("photos")),
              ElementsAre("e.gif -", "safe-not/f.jpg -", "safe/a.PNG safe", "safe/cats/b.png safe",
                          "safe/suicide/d.jpeg suicide", "violence/gender_discrimination/x/c.webp gender"));
  EXPECT_EQ(others_, 2);
  EXPECT_EQ(pictures_[0].file, fs::canonical(folder_ / "photos/e.gif").string());
}

TEST_F(BuildSources, ATreesOwnNameLabelsToo) {
  put("photos/suicide/b.png");
  EXPECT_THAT(tree(at("photos/suicide/")), ElementsAre("b.png suicide"));
  EXPECT_THAT(tree(at("photos/suicide")), ElementsAre("b.png suicide"));
}

TEST_F(BuildSources, LinksThatLeaveATreeAreErrors) {
  put("photos/safe/a.png");
  put("elsewhere/b.png");
  fs::create_symlink("../safe", folder_ / "photos/safe/again");
  fs::create_symlink("a.png", folder_ / "photos/safe/c.png");
  fs::create_symlink("../../elsewhere/nothing.txt", folder_ / "photos/safe/nothing.txt");
  EXPECT_THAT(tree(at("photos")), ElementsAre("safe/a.png safe", "safe/c.png safe"));
  EXPECT_EQ(others_, 1);
  fs::create_symlink("../../elsewhere/b.png", folder_ / "photos/safe/d.png");
  EXPECT_THAT(tree_refusal(), AllOf(HasSubstr("photos/safe/d.png"), HasSubstr("leaves its folder")));
  fs::remove(folder_ / "photos/safe/d.png");
  fs::create_symlink("../../elsewhere", folder_ / "photos/safe/out");
  EXPECT_THAT(tree_refusal(), AllOf(HasSubstr("photos/safe/out"), HasSubstr("leaves its folder")));
  fs::remove(folder_ / "photos/safe/out");
  fs::create_symlink("nowhere", folder_ / "photos/safe/gone.png");
  EXPECT_THAT(tree_refusal(), HasSubstr("gone.png"));
}

TEST_F(BuildSources, TreesWithoutPicturesAreErrors) {
  EXPECT_THAT(tree_refusal(), HasSubstr("no pictures in folder"));
  fs::remove(folder_ / "photos");
  EXPECT_THAT(tree_refusal(), HasSubstr("cannot open source"));
}

TEST_F(BuildSources, TablesSayMoreOfTheirPictures) {
  for (const auto* path : {"photos/a.png", "photos/sub/b.png", "photos/c.png"}) put(path);
  put("photos/metadata.jsonl",
      "{\"file_name\":\"sub/b.png\",\"label\":\"gender_discrimination\",\"license\":\"CC-BY\","
      "\"origin\":\"web\"}\n"
      "{\"file_name\":\"a.png\",\"label\":0,\"subcategory\":\"suicide\",\"more\":{\"x\":1}}\n"
      "{\"image\":\"c.png\",\"label\":null}\n");
  EXPECT_EQ(metadata_of(at("photos")).value(), at("photos/metadata.jsonl"));
  EXPECT_THAT(table(at("photos/metadata.jsonl")), ElementsAre("sub/b.png gender", "a.png safe", "c.png -"));
  EXPECT_EQ(pictures_[0].license, "CC-BY");
  EXPECT_EQ(pictures_[0].origin, "web");
  EXPECT_EQ(pictures_[1].subcategory, taxonomy::parse_class("suicide"));
  put("photos/rows.csv", "file_name,label\na.png,safe\nc.png,16\nsub/b.png,\n");
  EXPECT_THAT(table(at("photos/rows.csv")),
              ElementsAre("a.png safe", "c.png weapon_related_violence", "sub/b.png -"));
  put("photos/metadata.csv", "file_name\na.png\n");
  EXPECT_THAT(metadata_of(at("photos")).error().message(), HasSubstr("two tables"));
  EXPECT_FALSE(metadata_of(at("photos/sub")).value());
}

TEST_F(BuildSources, FaultsOfATableNameFileRowAndField) {
  put("photos/a.png");
  put("b.png");
  fs::create_symlink("../b.png", folder_ / "photos/out.png");
  for (const auto& [row, named] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"({"file_name":"a.png","label":"gendre"})", "label: expected one of the 20 classes"},
           {R"({"file_name":"a.png","label":20})", "line 2 (row 2): label"},
           {R"({"file_name":"a.png","label":[1]})", "label: expected a string, found an array"},
           {R"({"file_name":"a.png","subcategory":"safe"})", "subcategory: expected one of the 19"},
           {R"({"file_name":"../b.png"})", "file_name"},
           {R"({"file_name":"out.png"})", "leaves its folder"},
           {R"({"file_name":"none.png"})", "none.png"},
           {R"({"image":"/etc/passwd"})", "image"},
           {R"({"label":"safe"})", "row without a file"},
           {R"({"file_name":""})", "row without a file"},
           {R"(["a.png"])", "expected an object"}}) {
    put("photos/metadata.jsonl", fmt::format("{{\"file_name\":\"a.png\"}}\n{}\n", row));
    EXPECT_THAT(table_refusal(at("photos/metadata.jsonl")),
                AllOf(HasSubstr("metadata.jsonl: line 2"), HasSubstr(named)))
        << row;
  }
  put("photos/empty.csv", "file_name\n");
  EXPECT_THAT(table_refusal(at("photos/empty.csv")), HasSubstr("no rows"));
}

TEST_F(BuildSources, ASetGivesPicturesAndPairs) {
  for (const auto* path : {"photos/images/safe/a.png", "photos/images/x/b.png"}) put(path);
  put("photos/holisafe_bench.json",
      R"([{"id":5,"image":"safe/a.png","query":"q1","type":"SSU","category":"hate","subcategory":"race",)"
      R"("image_safe":true,"image_safety_label":0},)"
      R"({"id":7,"image":"x/b.png","query":"q2","type":"UUU","subcategory":"suicide"}])");
  put("photos/train.json", R"([{"id":"1","image":"safe/a.png","type":"SSS","conversations":[)"
                           R"({"from":"human","value":"<image>\nq3"},{"from":"gpt","value":"yes"}]}])");
  EXPECT_TRUE(holds_set(at("photos")));
  EXPECT_FALSE(holds_set(at("photos/images")));
  std::vector<std::string> pairs;
  std::vector<std::string> places;
  ASSERT_TRUE(read_set(at("photos"), kept(), [&](const NamedPair& pair) {
    pairs.push_back(fmt::format("{} {} {} {} {}", pair.path, taxonomy::name(pair.type), pair.subcategory,
                                pair.instruction, pair.response));
    places.push_back(pair.place);
    return Result<void>();
  }));
  EXPECT_THAT(lines_,
              ElementsAre("images/safe/a.png safe", "images/x/b.png suicide", "images/safe/a.png safe"));
  EXPECT_THAT(pairs, ElementsAre("images/safe/a.png SSU 2 q1 ", "images/x/b.png UUU 11 q2 ",
                                 "images/safe/a.png SSS 0 q3 yes"));
  EXPECT_NE(places[0], places[2]);
}

TEST_F(BuildSources, FaultsOfASetNameFileRowAndField) {
  put("photos/images/a.png");
  const auto refusal = [&] {
    const auto read = read_set(at("photos"), kept(), {});
    return read ? "" : read.error().message();
  };
  for (const auto& [row, named] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"("image":"a.png","query":"q","type":"SUS","subcategory":"race")", "type: expected SSS"},
           {R"("image":"a.png","query":"q","subcategory":"race")", "type"},
           {R"("image":"a.png","type":"SSU","subcategory":"race")", "query"},
           {R"("image":"a.png","query":"q","type":"SSU")", "subcategory"},
           {R"("image":"a.png","query":"q","type":"SSU","subcategory":"safe")", "subcategory"},
           {R"("image":"a.png","query":"q","type":"UUU","subcategory":"race","image_safety_label":0)",
            "image_safety_label: expected 1 to 19"},
           {R"("image":"../a.png","query":"q","type":"SSU","subcategory":"race")", "image"},
           {R"("query":"q","type":"SSU","subcategory":"race")", "image"},
           {R"("image":1,"query":"q","type":"SSU","subcategory":"race")", "image"}}) {
    put("photos/holisafe_bench.json",
        fmt::format(R"([{{"id":0,"image":"a.png","query":"q","type":"SSS"}},{{"id":7,{}}}])", row));
    EXPECT_THAT(refusal(), AllOf(HasSubstr("holisafe_bench.json: row 2 (index 1), id 7"), HasSubstr(named)))
        << row;
  }
  fs::remove(folder_ / "photos/holisafe_bench.json");
  put("photos/train.json",
      R"([{"id":"1","image":"a.png","type":"SSS","conversations":[{"from":"human","value":"a"},)"
      R"({"from":"gpt","value":"b"},{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}])");
  EXPECT_THAT(refusal(), HasSubstr("conversations: expected an image, a question and an answer"));
  fs::remove_all(folder_ / "photos/images");
  EXPECT_THAT(refusal(), HasSubstr("images"));
}

}  // namespace
}  // namespace holisafe::construction
