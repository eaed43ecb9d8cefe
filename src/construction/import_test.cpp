// Importing sources: what is found, refused, known again, and taken for one picture.
#include "construction/import.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/random.h"
#include "construction/duplicates.h"
#include "construction/files.h"
#include "construction/plan.h"
#include "image/image.h"

namespace holisafe::construction {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// Coloured waves, others for each seed, the same at any size.
image::Image waves(std::uint64_t seed, int width, int height) {
  Random random(seed);
  const auto number = [&] { return static_cast<double>(random.next() >> 11U) / 9007199254740992.0; };
  std::array<std::array<double, 4>, 8> terms{};
  for (auto& term : terms) term = {number() * 8 - 4, number() * 8 - 4, number() * 6.28, number() * 3};
  image::Image out{width, height, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      std::array<double, 3> sums{};
      for (std::size_t i = 0; i < terms.size(); ++i) {
        const double wave = std::cos(
            6.28 * (terms[i][0] * (x + 0.5) / width + terms[i][1] * (y + 0.5) / height) + terms[i][2]);
        sums[i % 3] += wave;
        sums[(i + 1) % 3] += wave * terms[i][3] / 3;
      }
      for (const double sum : sums)
        out.rgb.push_back(static_cast<std::uint8_t>(std::clamp(127.5 + 30 * sum, 0.0, 255.0)));
    }
  }
  return out;
}

class Import : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "photos");
  }
  void TearDown() override { fs::remove_all(folder_); }

  void put(const std::string& path, std::string_view bytes) const {
    fs::create_directories((folder_ / path).parent_path());
    std::ofstream(folder_ / path, std::ios::binary) << bytes;
  }
  void put_picture(const std::string& path, std::uint64_t seed, int width = 120, int height = 100) const {
    put(path, image::encode_png(waves(seed, width, height)).value());
  }
  [[nodiscard]] ImportSettings settings(std::vector<std::string> sources = {"photos"}) {
    ImportSettings out;
    for (const std::string& source : sources) out.sources.push_back((folder_ / source).string());
    out.warn = [this](const std::string& text) { warnings_.push_back(text); };
    return out;
  }
  [[nodiscard]] Work open() const { return Work::open(folder_ / "work", store::Access::write).value(); }
  Result<ImportCounts> import(Work& work, const ImportSettings& with) {
    return import_sources(work, with, nullptr, stop_);
  }
  /// What importing into a build without a file says.
  [[nodiscard]] std::string refusal(const ImportSettings& with) {
    Work work = Work::in_memory().value();
    const auto done = import(work, with);
    EXPECT_TRUE(done || work.image_count().value() == 0) << "nothing is kept of sources with a fault";
    return done ? "" : done.error().message();
  }
  [[nodiscard]] static std::vector<ImageRow> images(const Work& work) {
    std::vector<ImageRow> out;
    EXPECT_TRUE(work.for_each_image([&](const ImageRow& image) {
      out.push_back(image);
      return Result<void>();
    }));
    return out;
  }
  /// "PATH STATE" of each image.
  [[nodiscard]] static std::vector<std::string> states(const Work& work) {
    std::vector<std::string> out;
    for (const ImageRow& image : images(work))
      out.push_back(fmt::format("{} {}", image.path, name(image.state)));
    return out;
  }
  [[nodiscard]] static std::vector<PairRow> pairs(const Work& work) {
    std::vector<PairRow> out;
    EXPECT_TRUE(work.for_each_pair({}, [&](const PairRow& pair) {
      out.push_back(pair);
      return Result<void>();
    }));
    return out;
  }

  fs::path folder_ = fs::temp_directory_path() / fmt::format("import_test_{}", ::getpid());
  std::vector<std::string> warnings_;
  StopFlag stop_;
};

TEST_F(Import, PicturesAreTakenInOrderWithWhatIsSaidOfThem) {
  put_picture("photos/safe/a.png", 1);
  put_picture("photos/b.png", 2);
  put("photos/notes.txt", "x");
  put_picture("more/c.png", 3);
  put("more/metadata.csv", "file_name,label,license,subcategory\nc.png,safe,CC-BY,race\n");
  auto with = settings({"photos", "more"});
  with.license = "CC0";
  Work work = Work::in_memory().value();
  const auto counts = import(work, with).value();
  EXPECT_EQ(counts.found, 3);
  EXPECT_EQ(counts.others, 1);
  const auto found = images(work);
  EXPECT_THAT(states(work), ElementsAre("b.png unlabelled", "safe/a.png kept", "c.png kept"));
  EXPECT_EQ(found[0].source, (folder_ / "photos").string());
  EXPECT_EQ(found[0].reason, "no label");
  EXPECT_EQ(found[1].license, "CC0");
  EXPECT_EQ(found[1].label, 0);
  EXPECT_THAT(found[1].votes, ElementsAre(Vote{"source", "safe"}));
  EXPECT_EQ(found[2].license, "CC-BY");
  EXPECT_EQ(found[2].subcategory, taxonomy::parse_class("race"));
  for (const ImageRow& image : found) {
    EXPECT_EQ(image.sha256, hex(sha256_file(image.file).value()));
    EXPECT_EQ(image.pdq.size(), 64);
    EXPECT_EQ(image.cluster, image.id);
    EXPECT_EQ(image.width, 120);
  }
}

TEST_F(Import, NothingIsKeptOfSourcesWithAFault) {
  put_picture("photos/a.png", 1);
  put_picture("more/b.png", 2);
  put("more/metadata.csv", "file_name,label\nb.png,gendre\n");
  EXPECT_THAT(refusal(settings({"photos", "more"})), HasSubstr("metadata.csv: line 2 (row 1): label"));
  EXPECT_THAT(refusal(settings({"none"})), HasSubstr("cannot open source"));
  EXPECT_THAT(refusal(settings({"photos", "photos"})), HasSubstr("named twice"));
}

TEST_F(Import, RowsAboutOneFileAreOneImage) {
  put_picture("photos/a.png", 1);
  put_picture("photos/b.png", 2);
  put("photos/metadata.csv",
      "file_name,label,origin\na.png,safe,\na.png,safe,web\nb.png,safe,\nb.png,race,\n");
  Work work = open();
  for (int run = 0; run < 2; ++run) {
    ASSERT_TRUE(import(work, settings()));
    EXPECT_THAT(states(work), ElementsAre("a.png kept", "b.png disputed"));
    EXPECT_EQ(images(work)[0].origin, "web");
    EXPECT_EQ(images(work)[1].reason, "labelled differently: safe, race");
  }
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("disputed")));
}

TEST_F(Import, CopiesAreFoundAndThePictureWithMostPixelsStays) {
  put_picture("photos/safe/a.png", 1, 120, 100);
  put_picture("photos/safe/b.png", 1, 120, 100);
  put("photos/safe/c.png", image::encode_png(waves(1, 120, 100)).value() + "more");
  put_picture("photos/safe/d.png", 1, 180, 150);
  put_picture("photos/safe/e.png", 2, 180, 150);
  put_picture("photos/safe/f.png", 1, 180, 151);
  Work work = Work::in_memory().value();
  ASSERT_TRUE(import(work, settings()));
  const auto found = images(work);
  EXPECT_THAT(states(work),
              ElementsAre("safe/a.png near_duplicate", "safe/b.png duplicate", "safe/c.png duplicate",
                          "safe/d.png near_duplicate", "safe/e.png kept", "safe/f.png kept"));
  EXPECT_EQ(found[0].duplicate_of, 5);
  EXPECT_EQ(found[1].duplicate_of, 0);
  EXPECT_EQ(found[1].reason, "equal bytes");
  EXPECT_EQ(found[2].reason, "equal pixels");
  for (const std::size_t i : {0, 1, 2, 3, 5}) EXPECT_EQ(found[i].cluster, 0);
  EXPECT_EQ(found[4].cluster, 4);
  Work keeping = Work::in_memory().value();
  auto keep = settings();
  keep.drop_near_duplicates = false;
  ASSERT_TRUE(import(keeping, keep));
  EXPECT_THAT(states(keeping), ElementsAre("safe/a.png kept", "safe/b.png duplicate", "safe/c.png duplicate",
                                           "safe/d.png kept", "safe/e.png kept", "safe/f.png kept"));
  EXPECT_EQ(images(keeping)[5].cluster, 0);
}

TEST_F(Import, CopiesLabelledDifferentlyMakeADisputeAndOneLabelCountsForAll) {
  put_picture("photos/a.png", 1, 240, 200);
  put_picture("photos/safe/a.png", 1);
  put_picture("photos/safe/b.png", 2);
  put_picture("photos/suicide/b.png", 2, 240, 200);
  Work work = Work::in_memory().value();
  ASSERT_TRUE(import(work, settings()));
  EXPECT_THAT(states(work), ElementsAre("a.png kept", "safe/a.png near_duplicate",
                                        "safe/b.png near_duplicate", "suicide/b.png disputed"));
  EXPECT_EQ(images(work)[0].label, 0);
  EXPECT_EQ(images(work)[3].reason, "labelled differently: safe, suicide");
  EXPECT_FALSE(images(work)[3].label);
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("suicide/b.png")));
}

TEST_F(Import, WhatDoesNotDecodeIsNamedAndTheRestGoesOn) {
  const std::string whole = image::encode_png(waves(1, 120, 100)).value();
  put("photos/safe/a.png", whole.substr(0, whole.size() / 2));
  put("photos/safe/b.jpg", "no picture");
  put_picture("photos/safe/c.png", 2);
  put_picture("photos/safe/d.png", 3, 4, 100);
  Work work = open();
  ASSERT_TRUE(import(work, settings()));
  EXPECT_THAT(states(work), ElementsAre("safe/a.png undecodable", "safe/b.jpg undecodable", "safe/c.png kept",
                                        "safe/d.png too_small"));
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("safe/a.png"), HasSubstr("safe/b.jpg")));
  for (const ImageRow& image : images(work)) EXPECT_THAT(image.reason, Not(HasSubstr(folder_.string())));
  put("photos/safe/a.png", whole);
  ASSERT_TRUE(import(work, settings()));
  EXPECT_EQ(states(work)[0], "safe/a.png kept");
}

TEST_F(Import, FilesThatAreKnownAreNotReadAgain) {
  put_picture("photos/safe/b.png", 1);
  put_picture("photos/safe/c.png", 2);
  Work work = open();
  ASSERT_TRUE(import(work, settings()));
  // Other bytes under the stamp of those that were read: nobody looks.
  const fs::path file = folder_ / "photos/safe/b.png";
  const auto time = fs::last_write_time(file);
  std::string bytes = read_file(file).value();
  const std::string before = bytes;
  bytes[bytes.size() / 2] ^= 1;
  put("photos/safe/b.png", bytes);
  fs::last_write_time(file, time);
  ASSERT_TRUE(import(work, settings()));
  fs::last_write_time(file, time + std::chrono::seconds(1));
  const auto changed = import(work, settings());
  ASSERT_FALSE(changed);
  EXPECT_THAT(changed.error().message(), AllOf(HasSubstr("picture changed"), HasSubstr("b.png")));
  put("photos/safe/b.png", before);
  put_picture("photos/safe/a.png", 3);
  ASSERT_TRUE(import(work, settings()));
  EXPECT_THAT(states(work), ElementsAre("safe/b.png kept", "safe/c.png kept", "safe/a.png kept"));
  fs::remove(file);
  ASSERT_TRUE(import(work, settings()));
  EXPECT_EQ(states(work).size(), 3);
}

TEST_F(Import, SourcesThatDifferAreRefusedOnceTheyWereListedWhole) {
  put_picture("photos/a.png", 1);
  put("photos/metadata.csv", "file_name,label\na.png,gendre\n");
  Work work = open();
  auto with = settings();
  with.identity = {{"seed", "1"}};
  EXPECT_FALSE(import(work, with));
  put_picture("other/safe/a.png", 1);
  with.sources = settings({"other"}).sources;
  ASSERT_TRUE(import(work, with)) << "the first sources were never taken in";
  auto again = settings({"other", "photos"});
  again.identity = {{"seed", "2"}};
  again.drop_near_duplicates = false;
  const auto differs = import(work, again);
  ASSERT_FALSE(differs);
  EXPECT_EQ(differs.error().kind, ErrorKind::mismatch);
  EXPECT_THAT(differs.error().message(), AllOf(HasSubstr("sources:"), HasSubstr("near-duplicates:"),
                                               HasSubstr("seed: expected \"1\", found \"2\"")));
}

TEST_F(Import, ALabelThatDiffersFromTheBuildsIsRefused) {
  put_picture("photos/a.png", 1);
  put_picture("photos/b.png", 2);
  put("photos/metadata.csv", "file_name,label\na.png,safe\nb.png,\n");
  Work work = open();
  ASSERT_TRUE(import(work, settings()));
  put("photos/metadata.csv", "file_name,label\na.png,race\nb.png,\n");
  EXPECT_THAT(import(work, settings()).error().message(),
              AllOf(HasSubstr("row 1"), HasSubstr("expected the label safe of a.png, found race")));
  put("photos/metadata.csv", "file_name,label\na.png,safe\nb.png,race\n");
  ASSERT_TRUE(import(work, settings())) << "a label for what had none is new, not another";
  EXPECT_EQ(images(work)[1].label, taxonomy::parse_class("race"));
  EXPECT_EQ(images(work)[1].state, ImageState::kept);
}

TEST_F(Import, PicturesWithPairsStayWhateverCopiesCome) {
  put_picture("photos/safe/b.png", 1);
  put_picture("photos/b.png", 2);
  Work work = open();
  ASSERT_TRUE(import(work, settings()));
  ASSERT_TRUE(plan_pairs(work, {}));
  ImageRow quarantined = work.image(0).value().value();
  EXPECT_EQ(quarantined.path, "b.png");
  quarantined.state = ImageState::quarantined;
  quarantined.votes = {{"openai:l", "quarantine"}};
  ASSERT_TRUE(work.write(std::vector{quarantined}));
  put_picture("photos/suicide/b.png", 1, 240, 200);
  put_picture("photos/safe/c.png", 2, 240, 200);
  ASSERT_TRUE(import(work, settings()));
  EXPECT_THAT(states(work), ElementsAre("b.png quarantined", "safe/b.png kept", "safe/c.png near_duplicate",
                                        "suicide/b.png near_duplicate"));
  EXPECT_EQ(images(work)[2].duplicate_of, 0);
}

TEST_F(Import, ASetBringsItsPairsAlong) {
  put_picture("photos/images/safe/a.png", 1);
  put_picture("photos/images/safe/copy.png", 1, 240, 200);
  put_picture("photos/images/x/b.png", 2);
  put("photos/holisafe_bench.json",
      R"([{"id":5,"image":"safe/a.png","query":"q1","type":"SSU","category":"hate","subcategory":"race",)"
      R"("image_safe":true,"image_safety_label":0},)"
      R"({"id":7,"image":"x/b.png","query":"q2","type":"UUU","category":"self_harm","subcategory":"suicide",)"
      R"("image_safe":false,"image_safety_label":11}])");
  put("photos/train.json",
      R"([{"id":"1","image":"safe/copy.png","type":"SSS","conversations":[{"from":"human","value":"<image>\nq3"},)"
      R"({"from":"gpt","value":"yes"}]}])");
  Work work = open();
  for (int run = 0; run < 2; ++run) {
    ASSERT_TRUE(import(work, settings()));
    EXPECT_THAT(states(work), ElementsAre("images/safe/a.png near_duplicate", "images/x/b.png kept",
                                          "images/safe/copy.png kept"));
    const auto found = pairs(work);
    ASSERT_EQ(found.size(), 3);
    EXPECT_EQ(found[0].image_id, 2) << "copies' pairs go to the picture that stays";
    EXPECT_EQ(found[0].instruction, "q1");
    EXPECT_EQ(found[0].subcategory, taxonomy::parse_class("race"));
    EXPECT_EQ(found[0].state, PairState::planned);
    EXPECT_TRUE(found[0].brought);
    EXPECT_EQ(found[1].type, taxonomy::Combination::UUU);
    EXPECT_EQ(found[2].instruction, "q3");
    EXPECT_EQ(found[2].response, "yes");
    EXPECT_EQ(found[2].subcategory, 0);
  }
  EXPECT_EQ(plan_pairs(work, {}).value(), 2) << "SUU of the safe image, USU of the unsafe one";
}

TEST_F(Import, PairsOfDisputedPicturesWait) {
  put_picture("photos/images/a.png", 1);
  put("photos/holisafe_bench.json",
      R"([{"id":0,"image":"a.png","query":"q","type":"SSU","subcategory":"race"},)"
      R"({"id":1,"image":"a.png","query":"q","type":"UUU","subcategory":"race"}])");
  Work work = open();
  ASSERT_TRUE(import(work, settings()));
  EXPECT_THAT(states(work), ElementsAre("images/a.png disputed"));
  EXPECT_TRUE(pairs(work).empty());
  EXPECT_THAT(warnings_.back(), HasSubstr("2 pairs stay out"));
  ImageRow settled = work.image(0).value().value();
  settled.state = ImageState::kept;
  settled.label = 0;
  settled.votes.push_back({"ann", "safe"});
  ASSERT_TRUE(work.write(std::vector{settled}));
  ASSERT_TRUE(import(work, settings()));
  EXPECT_EQ(pairs(work).size(), 2);
}

TEST_F(Import, AStopKeepsWhatWasReadAndEndsTheSame) {
  for (int i = 0; i < 12; ++i)
    put_picture(fmt::format("photos/safe/{}.png", i), static_cast<std::uint64_t>(i % 9));
  Work straight = Work::open(folder_ / "straight", store::Access::write).value();
  ASSERT_TRUE(import(straight, settings()));
  ASSERT_TRUE(write_files(straight));
  {
    Work work = open();
    StopFlag stop;
    stop.request();
    const auto stopped = import_sources(work, settings(), nullptr, stop);
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().kind, ErrorKind::interrupted);
  }
  Work work = open();
  ASSERT_TRUE(import(work, settings()));
  ASSERT_TRUE(write_files(work));
  for (const auto name : {images_file, pairs_file, summary_file})
    EXPECT_EQ(read_file(folder_ / "work" / name).value(), read_file(folder_ / "straight" / name).value());
}

}  // namespace
}  // namespace holisafe::construction
