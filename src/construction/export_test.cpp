#include "construction/export.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/input_file.h"
#include "construction/provenance.h"
#include "construction/split.h"
#include "dataset/conversations.h"
#include "sources/archive.h"

namespace holisafe::construction {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A build of unsafe pictures, four pairs each, on disk as far as pictures are.
class Export : public testing::Test {
 protected:
  void SetUp() override {
    place_ = fs::temp_directory_path() / ("holisafe_export_" + std::to_string(::getpid()));
    fs::remove_all(place_);
    fs::create_directories(place_);
    ASSERT_TRUE(work_.put_value("began", "0"));
    std::vector<ImageRow> images;
    std::vector<PairRow> pairs;
    for (std::int64_t i = 0; i < 10; ++i) {
      image::Image drawn{
          8, 8, std::vector<std::uint8_t>(std::size_t{3} * 8 * 8, static_cast<std::uint8_t>(20 * i))};
      const std::string bytes = image::encode_png(drawn).value();
      ImageRow image;
      image.id = i;
      image.path = std::to_string(i);
      image.file = (place_ / image.path).string();
      image.sha256 = hex(sha256(bytes));
      image.cluster = i;
      image.label = 3;
      image.side = i % 2 == 0 ? Side::train : Side::bench;
      ASSERT_TRUE(write_file_atomic(image.file, bytes));
      images.push_back(image);
      for (int each = 0; each < 4; ++each) {
        PairRow pair;
        pair.id = static_cast<std::int64_t>(pairs.size());
        pair.image_id = i;
        pair.type = taxonomy::Combination::UUU;
        pair.subcategory = 3;
        pair.state = PairState::ready;
        pair.instruction = "instruction";
        pair.response = "I can't.";
        pairs.push_back(pair);
      }
    }
    ASSERT_TRUE(work_.write(images));
    ASSERT_TRUE(work_.write(pairs));
  }
  void TearDown() override { fs::remove_all(place_); }

  Work work_ = Work::in_memory().value();
  fs::path place_;
  StopFlag stop_;
};

TEST_F(Export, ShardsAreBounded) {
  ExportSettings settings;
  settings.out = place_ / "out";
  settings.format = "webdataset";
  settings.shard_bytes = 8000;
  const auto counts = export_build(work_, settings, nullptr, stop_);
  ASSERT_TRUE(counts) << counts.error().message();
  EXPECT_EQ(counts->train.pairs, 20U);
  EXPECT_EQ(counts->bench.images, 5U);
  std::size_t members = 0;
  int shards = 0;
  for (const char* prefix : {"train", "test"}) {
    for (int shard = 0;; ++shard) {
      const fs::path file = settings.out / fmt::format("{}-{:06}.tar", prefix, shard);
      if (!fs::exists(file)) break;
      ++shards;
      EXPECT_LT(fs::file_size(file), 8000U + 4096U);
      const auto archive = sources::Archive::open(InputFile::open(file).value());
      ASSERT_TRUE(archive) << archive.error().message();
      archive->for_each([&](std::string_view, const sources::Member&) { ++members; });
    }
  }
  EXPECT_EQ(members, 80U);
  EXPECT_GT(shards, 6);
}

TEST_F(Export, ConversationsAndRowsAreReadWithoutProblems) {
  PairRow pair = work_.pair(1).value().value();
  pair.instruction = "<image>\nIs <image> this\xff?";
  ASSERT_TRUE(work_.write(std::vector{pair}));
  ExportSettings settings;
  settings.out = place_ / "out";
  ASSERT_TRUE(export_build(work_, settings, nullptr, stop_));
  const auto train = dataset::read_conversations(settings.out / "train.json");
  ASSERT_TRUE(train) << train.error().message();
  EXPECT_EQ(train->problems.count(), 0U);
  ASSERT_EQ(train->conversations.size(), 20U);
  EXPECT_EQ(train->conversations[1].turns[0].value, "<image>\nIs  this\xef\xbf\xbd?");
  EXPECT_EQ(train->conversations[1].image_safety_label, 3);
  const auto bench = dataset::RowFile::open((settings.out / dataset::bench_file_name).string());
  ASSERT_TRUE(bench) << bench.error().message();
  EXPECT_EQ(bench->row_texts().size(), 20U);
}

TEST_F(Export, StopsWhenAskedAndLeavesNothing) {
  ExportSettings settings;
  settings.out = place_ / "out";
  stop_.request();
  const auto done = export_build(work_, settings, nullptr, stop_);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::interrupted);
  EXPECT_FALSE(fs::exists(settings.out));
}

TEST_F(Export, EachFormatHasItsName) {
  ExportSettings settings;
  settings.out = place_ / "out";
  settings.format = "parquet";
  const auto done = export_build(work_, settings, nullptr, stop_);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::usage);
  EXPECT_THAT(done.error().message(), HasSubstr("holisafe, imagefolder, webdataset"));
}

TEST_F(Export, DatesAreThoseOfTheBuildOrAsGiven) {
  EXPECT_EQ(created_at(work_, std::nullopt).value(), "1970-01-01T00:00:00Z");
  EXPECT_EQ(created_at(work_, 1'790'000'000).value(), "2026-09-21T14:13:20Z");
  ASSERT_TRUE(work_.put_value("began", "soon"));
  EXPECT_EQ(created_at(work_, std::nullopt).error().kind, ErrorKind::malformed);
  const Work none = Work::in_memory().value();
  EXPECT_EQ(created_at(none, std::nullopt).error().kind, ErrorKind::missing);
}

TEST_F(Export, PromptsAreWhatTheirNamesSay) {
  ASSERT_TRUE(work_.put_prompt("../../outside", "text"));
  ExportSettings settings;
  settings.out = place_ / "out";
  EXPECT_EQ(export_build(work_, settings, nullptr, stop_).error().kind, ErrorKind::malformed);
  EXPECT_FALSE(fs::exists(settings.out));
}

TEST_F(Export, ASplitGivesEveryClusterASide) {
  SplitSettings settings;
  settings.bench = 0.3;
  const auto counts = split(work_, settings);
  ASSERT_TRUE(counts) << counts.error().message();
  EXPECT_EQ(counts->bench, 12U);
  EXPECT_EQ(counts->train, 28U);
  EXPECT_EQ(counts->clusters, 10U);
  EXPECT_EQ(counts->shared_instructions, 1U);
  EXPECT_THAT(far_from(*counts, 0.3), testing::IsEmpty());
  EXPECT_THAT(far_from(*counts, 0.5), testing::Not(testing::IsEmpty()));
  EXPECT_EQ(count_sides(work_)->bench, 12U);
}

}  // namespace
}  // namespace holisafe::construction
