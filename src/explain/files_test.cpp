#include "explain/files.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"

namespace holisafe::explain {
namespace {

class ExplanationFiles : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(make_folders(folder_)); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static Explanation explained() {
    return {
        "photos/a b.jpeg", 4,   2, Method::occlusion, 16, 0.75, 1.0986, {{{-1, 0, 5, 2, 1, 3}, {0, 2.5, -1}}},
        Box{1, 0, 3, 2},   0.25};
  }
  static image::Image picture() { return {4, 2, std::vector<std::uint8_t>(24, 200)}; }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("holisafe_explain_" + std::to_string(::getpid()));
};

TEST_F(ExplanationFiles, AreNamedByPositionAndStem) {
  EXPECT_EQ(file_stem(12, "photos/cat.png"), "000012-cat");
  EXPECT_EQ(file_stem(0, "a/b.tar.gz"), "000000-b.tar");
  EXPECT_EQ(file_stem(1, "caf\xC3\xA9 (1).jpg"), "000001-caf____1_");
  EXPECT_EQ(file_stem(2, "\xFF\n.png"), "000002-__");
  EXPECT_EQ(file_stem(1234567, std::string(200, 'x') + ".png"), "1234567-" + std::string(80, 'x'));
  EXPECT_EQ(file_stem(3, ""), "000003-image");
  EXPECT_EQ(file_stem(3, ".."), "000003-..");
}

TEST_F(ExplanationFiles, HoldWhatWasFound) {
  const auto written = write_files(folder_, 7, explained(), picture());
  ASSERT_TRUE(written) << written.error().message();
  EXPECT_EQ(written->overlay, (folder_ / "000007-a_b.png").string());
  EXPECT_EQ(written->grid, (folder_ / "000007-a_b.json").string());
  const auto grid = nlohmann::ordered_json::parse(*read_file(written->grid));
  EXPECT_EQ(grid.dump(),
            R"({"format":"holisafe-explanation/1","path":"photos/a b.jpeg","width":4,"height":2,)"
            R"("method":"occlusion","label":16,"subcategory":"weapon_related_violence",)"
            R"("log_odds":1.0986,"box":[1,0,3,2],"place":"middle","without":0.25,)"
            R"("pieces":[{"box":[-1.0,0.0,5.0,2.0],"rows":1,"columns":3,"values":[[0.0,2.5,-1.0]]}]})");
  const auto overlay = image::load(written->overlay, image::DecodeOptions{});
  ASSERT_TRUE(overlay);
  EXPECT_EQ(overlay->width, 4);
  nlohmann::ordered_json line;
  add_explanation(line, written);
  std::vector<std::string> keys;
  for (const auto& [key, value] : line["explanation"].items()) keys.push_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"overlay", "grid", "box", "place", "without", "reason"}));
  const std::string bytes = *read_file(written->overlay);
  ASSERT_TRUE(write_files(folder_, 7, explained(), picture()));
  EXPECT_EQ(*read_file(written->overlay), bytes);
}

TEST_F(ExplanationFiles, AreReadBack) {
  const auto written = write_files(folder_, 7, explained(), picture());
  ASSERT_TRUE(written);
  const auto found = read_explanation(written->grid);
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->path, "photos/a b.jpeg");
  EXPECT_EQ(found->label, 16U);
  EXPECT_EQ(found->box, (Box{1, 0, 3, 2}));
  EXPECT_NEAR(found->probability, 0.75, 1e-4);
  EXPECT_EQ(reason(*found), reason(written->explanation));
  const std::string good = *read_file(written->grid);
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"explanation/1", "explanation/2"},
                                                        {"\"label\":16", "\"label\":20"},
                                                        {"\"label\":16", "\"label\":\"x\""},
                                                        {"[1,0,3,2]", "[1,0,3,9]"},
                                                        {"[1,0,3,2]", "[1,0,3]"},
                                                        {"[1,0,3,2]", "[1.5,0,3,2]"},
                                                        {"\"width\":4", "\"width\":-4"},
                                                        {"occlusion", "smoke"},
                                                        {"\"without\":0.25", "\"without\":null"},
                                                        {good, ""},
                                                        {good, "[[[["}}) {
    std::string bad = good;
    bad.replace(bad.find(from), from.size(), to);
    ASSERT_TRUE(write_file_atomic(folder_ / "bad.json", bad));
    const auto refused = read_explanation(folder_ / "bad.json");
    ASSERT_FALSE(refused) << to;
    EXPECT_EQ(refused.error().kind, ErrorKind::malformed);
  }
}

TEST_F(ExplanationFiles, SayWhereNothingSpeaksForTheClass) {
  Explanation nothing = explained();
  nothing.box.reset();
  nothing.without.reset();
  const auto out = to_json(nothing);
  EXPECT_TRUE(out["box"].is_null() && out["place"].is_null() && out["without"].is_null());
}

TEST_F(ExplanationFiles, AreBothThereOrNeither) {
  const auto missing = write_files(folder_ / "none", 0, explained(), picture());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
  nlohmann::ordered_json line;
  add_explanation(line, missing);
  EXPECT_EQ(line["error"]["kind"], "not_found");
  EXPECT_FALSE(line.contains("explanation"));
  // A folder stands where the second file belongs.
  ASSERT_TRUE(make_folders(folder_ / "000000-a_b.json" / "x"));
  EXPECT_FALSE(write_files(folder_, 0, explained(), picture()));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "000000-a_b.png"));
}

}  // namespace
}  // namespace holisafe::explain
