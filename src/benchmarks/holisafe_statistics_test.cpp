#include "benchmarks/holisafe_statistics.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "benchmarks/holisafe.h"

namespace holisafe::benchmarks {
namespace {

std::string statistics_row(int id, const std::string& image, const std::string& query,
                           const std::string& type, const std::string& subcategory, int label) {
  return fmt::format(
      R"({{"id":{},"image":"{}","query":"{}","type":"{}","category":"hate","subcategory":"{}","image_safe":{},"image_safety_label":{}}})",
      id, image, query, type, subcategory, label == 0, label);
}

TEST(HoliSafeStatistics, CountsPairsImagesQueriesAndFolders) {
  const std::string text = "[" + statistics_row(1, "hate/race/a.png", "What?", "USU", "race", 2) + "," +
                           statistics_row(2, "hate/race/a.png", "Why?", "UUU", "race_discrimination", 2) +
                           "," + statistics_row(3, "hate/race/a.png", "How?", "UUU", "gender", 1) + "," +
                           statistics_row(4, "hate/race/b.png", "What?", "SSU", "race", 0) + "," +
                           statistics_row(5, "safe/c.png", "What?", "SSS", "safe", 0) + "," +
                           statistics_row(6, "d.png", "Why?", "USU", "weather", 3) + "," +
                           statistics_row(7, "hate/race/e.png", "Why?", "USU", "religion", 3) + "," +
                           statistics_row(8, "x.png", "Why?", "XXX", "race", 0) + "]";
  HoliSafeCounter counter;
  ASSERT_TRUE(read_row_text(holisafe_format, text, "b.json", [&](const Item& item) { counter.add(item); }));
  const HoliSafeCounts found = counter.counts();
  EXPECT_EQ(found.pairs, 7U) << "the row of unknown type is not sound";
  EXPECT_EQ(found.images, 5U);
  EXPECT_THAT(found.types, testing::ElementsAre(1, 1, 3, 0, 2));
  EXPECT_THAT(found.subcategories[2], testing::ElementsAre(0, 1, 1, 0, 1));
  EXPECT_THAT(found.subcategories[1], testing::ElementsAre(0, 0, 0, 0, 1));
  EXPECT_THAT(found.unknown_subcategories, testing::ElementsAre(testing::Pair("weather", 1)));
  EXPECT_EQ(found.labels[0], 2U);
  EXPECT_EQ(found.labels[2], 1U);
  EXPECT_EQ(found.labels[3], 2U);
  EXPECT_EQ(found.relabelled_images, 1U);
  EXPECT_EQ(found.pairs_per_image.things, 5U);
  EXPECT_EQ(found.pairs_per_image.least, 1U);
  EXPECT_EQ(found.pairs_per_image.most, 3U);
  EXPECT_EQ(found.pairs_per_image.mean, 7.0 / 5.0);
  EXPECT_EQ(found.images_per_query.things, 3U);
  EXPECT_EQ(found.images_per_query.most, 3U);
  EXPECT_THAT(found.folders, testing::ElementsAre(2, 1, 1, 1));
  EXPECT_EQ(found.labels_by_folder.at({2, "hate/race"}), 1U);
  EXPECT_EQ(found.labels_by_folder.at({3, ""}), 1U);
}

}  // namespace
}  // namespace holisafe::benchmarks
