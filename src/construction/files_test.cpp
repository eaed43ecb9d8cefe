// The files of a build, to the letter.
#include "construction/files.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"

namespace holisafe::construction {
namespace {

namespace fs = std::filesystem;
using taxonomy::Combination;

class BuildFiles : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  [[nodiscard]] std::string content(std::string_view name) const { return read_file(folder_ / name).value(); }

  fs::path folder_ = fs::temp_directory_path() / fmt::format("files_test_{}", ::getpid());
};

TEST_F(BuildFiles, HoldAllKeysInOrder) {
  Work work = Work::open(folder_, store::Access::write).value();
  ImageRow image;
  image.id = 0;
  image.source = "photos";
  image.path = "safe/a.png";
  image.file = "/somewhere/photos/safe/a.png";
  image.sha256 = std::string(64, '1');
  image.pixels = std::string(64, '2');
  image.width = 30;
  image.height = 20;
  image.pdq = std::string(64, '3');
  image.cluster = 0;
  image.label = 0;
  image.votes = {{"source", "safe"}};
  image.side = Side::train;
  ImageRow broken;
  broken.id = 1;
  broken.source = "photos";
  broken.path = "safe/\xff.png";
  broken.state = ImageState::undecodable;
  broken.reason = "truncated";
  broken.license = "CC0";
  ASSERT_TRUE(work.write(std::vector{image, broken}));
  PairRow pair;
  pair.id = 0;
  pair.image_id = 0;
  pair.type = Combination::SSU;
  pair.subcategory = 4;
  PairRow edited = pair;
  edited.id = 1;
  edited.instruction = "say \"it\"";
  edited.response = "no";
  edited.state = PairState::ready;
  edited.writer = "openai:w";
  edited.checker = "openai:c";
  edited.rewrites = 1;
  edited.prompt_sha256 = std::string(64, '4');
  edited.review = Review{"edit", "ann", "before", "yes"};
  ASSERT_TRUE(work.write(std::vector{pair, edited}));
  ASSERT_TRUE(write_files(work));
  EXPECT_EQ(content("images.jsonl"),
            R"({"id":0,"source":"photos","path":"safe/a.png","sha256":")" + std::string(64, '1') +
                R"(","width":30,"height":20,"pdq":")" + std::string(64, '3') +
                R"(","pdq_quality":0,"cluster":0,"state":"kept","duplicate_of":null,"reason":null,)"
                R"("label":"safe","labels":[{"by":"source","label":"safe"}],"license":null,"origin":null,)"
                R"("split":"train"})"
                "\n"
                R"({"id":1,"source":"photos","path":"safe/)"
                "\xEF\xBF\xBD"
                R"(.png","sha256":null,"width":null,"height":null,"pdq":null,"pdq_quality":null,)"
                R"("cluster":null,"state":"undecodable","duplicate_of":null,"reason":"truncated",)"
                R"("label":null,"labels":[],"license":"CC0","origin":null,"split":null})"
                "\n");
  EXPECT_EQ(content("pairs.jsonl"),
            R"({"id":0,"image_id":0,"image":"safe/a.png","type":"SSU","category":"hate",)"
            R"("subcategory":"harassment","image_safe":true,"image_safety_label":0,"instruction":null,)"
            R"("response":null,"state":"planned","filter":null,"reason":null,"writer":null,"checker":null,)"
            R"("rewrites":0,"prompt_sha256":null,"split":"train","review":null})"
            "\n"
            R"({"id":1,"image_id":0,"image":"safe/a.png","type":"SSU","category":"hate",)"
            R"("subcategory":"harassment","image_safe":true,"image_safety_label":0,)"
            R"("instruction":"say \"it\"","response":"no","state":"ready","filter":null,"reason":null,)"
            R"("writer":"openai:w","checker":"openai:c","rewrites":1,"prompt_sha256":")" +
                std::string(64, '4') +
                R"(","split":"train","review":{"decision":"edit","reviewer":"ann",)"
                R"("before":{"instruction":"before","response":"yes"}}})"
                "\n");
}

TEST_F(BuildFiles, TheSummaryCountsImagesPairsAndCalls) {
  Work work = Work::open(folder_, store::Access::write).value();
  ImageRow image;
  image.id = 0;
  image.cluster = 0;
  image.label = 16;
  ASSERT_TRUE(work.write(std::vector{image}));
  std::vector<PairRow> pairs(3);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    pairs[i].id = static_cast<std::int64_t>(i);
    pairs[i].image_id = 0;
    pairs[i].type = Combination::USU;
    pairs[i].subcategory = 16;
    pairs[i].state = static_cast<PairState>(i);
    if (i > 0) pairs[i].writer = "openai:w";
  }
  KeptReply reply;
  reply.subject = 0;
  reply.step = Step::text_check;
  reply.input_tokens = 9;
  ASSERT_TRUE(work.keep(std::vector{reply}, pairs, {}));
  ASSERT_TRUE(work.add_faults({.server = 2}));
  ASSERT_TRUE(write_files(work));
  const auto found = nlohmann::ordered_json::parse(content("summary.json"));
  std::vector<std::string> keys;
  for (const auto& [key, value] : found.items()) keys.push_back(key);
  EXPECT_THAT(keys, testing::ElementsAre("images", "clusters", "pairs", "types", "subcategories", "writers",
                                         "calls", "tokens", "faults"));
  EXPECT_EQ(found["images"].dump(),
            R"({"found":1,"kept":1,"undecodable":0,"too_small":0,"duplicate":0,"near_duplicate":0,)"
            R"("unlabelled":0,"disputed":0,"quarantined":0})");
  EXPECT_EQ(found["clusters"], 1);
  const std::string three =
      R"({"planned":3,"ready":1,"declined":1,"mismatch":0,"leaks":0,"filtered":0,"failed":0})";
  EXPECT_EQ(found["pairs"].dump(), three);
  EXPECT_EQ(found["types"]["USU"].dump(), three);
  EXPECT_EQ(found["types"].size(), 5);
  EXPECT_EQ(found["subcategories"]["weapon_related_violence"].dump(), three);
  EXPECT_EQ(found["subcategories"].size(), 19);
  EXPECT_EQ(found["writers"].dump(), R"({"openai:w":2})");
  EXPECT_EQ(found["calls"].dump(), R"({"label":0,"write":0,"check":1,"answer":0})");
  EXPECT_EQ(found["tokens"].dump(), R"({"input":9,"output":0})");
  EXPECT_EQ(found["faults"]["server"], 2);
}

TEST_F(BuildFiles, APairWithoutItsImageIsDamage) {
  Work work = Work::open(folder_, store::Access::write).value();
  PairRow pair;
  pair.id = 0;
  pair.image_id = 3;
  ASSERT_TRUE(work.write(std::vector{pair}));
  const auto written = write_files(work);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::malformed);
  EXPECT_FALSE(fs::exists(folder_ / pairs_file));
}

}  // namespace
}  // namespace holisafe::construction
