#include "construction/dataset_card.h"

#include <gmock/gmock.h>

namespace holisafe::construction {
namespace {

using testing::HasSubstr;
using testing::Not;

CardFacts facts() {
  CardFacts out;
  out.created = "2026-09-21T14:13:20Z";
  out.version = "1";
  out.format = &imagefolder_export;
  out.counts.train.pairs = 1200;
  out.counts.train.images = 500;
  out.counts.train.cells[cell_of(3, taxonomy::Combination::UUU)] = 1200;
  out.counts.licenses.add("unknown");
  out.build = {{"images", {{"found", 900}, {"kept", 500}, {"near_duplicate", 77}}},
               {"pairs", {{"planned", 2000}, {"ready", 1200}, {"declined", 250}, {"failed", 0}}}};
  out.declines = {{"openai:m", 300}};
  return out;
}

TEST(DatasetCard, SaysWhatCameOfTheBuild) {
  const std::string card = dataset_card(facts());
  EXPECT_THAT(card, HasSubstr("\nlicense: \"unknown\"\n"));
  EXPECT_THAT(card, HasSubstr("- \"und\"\n"));
  EXPECT_THAT(card, HasSubstr("- 1K<n<10K\n"));
  EXPECT_THAT(card, HasSubstr("- not-for-all-audiences\n"));
  EXPECT_THAT(card, HasSubstr("    path: \"data/train/**\"\n"));
  EXPECT_THAT(card, Not(HasSubstr("data/test/**")));  // no pair is there
  EXPECT_THAT(card, HasSubstr("77 are near-duplicates"));
  EXPECT_THAT(card, HasSubstr("openai:m (300)"));
  EXPECT_THAT(card, HasSubstr("| declined | 250 | 12.5% |"));
  EXPECT_THAT(card, HasSubstr("People reviewed 0 of 1200 pairs (0.0%)"));
  EXPECT_THAT(datasheet(facts()), HasSubstr("2000 pairs were planned"));
}

TEST(DatasetCard, NamesDoNotEscapeFromTheFrontMatter) {
  CardFacts hostile = facts();
  hostile.name = "a\n---\n# b: \"c\" <script>";
  hostile.license = "mit\ntags:\n- safe";
  hostile.declines = {{"evil | [x](http://y)", 1}};
  const std::string card = dataset_card(hostile);
  EXPECT_THAT(card, HasSubstr("pretty_name: \"a\\n---\\n# b: \\\"c\\\" <script>\"\n"));
  EXPECT_THAT(card, HasSubstr("license: \"mit\\ntags:\\n- safe\"\n"));
  EXPECT_THAT(card, Not(HasSubstr("\n# b")));
  EXPECT_THAT(card.substr(card.find("---\n", 4)), Not(HasSubstr("<script>")));
  EXPECT_THAT(card, Not(HasSubstr("[x](")));
}

TEST(DatasetCard, LicensesOfPicturesStandForThoseOfTheSet) {
  CardFacts several = facts();
  several.counts.licenses = {};
  several.counts.licenses.add("mit");
  several.counts.licenses.add("cc0-1.0");
  several.counts.licenses.add("cc0-1.0");
  EXPECT_THAT(dataset_card(several), HasSubstr("license:\n- \"cc0-1.0\"\n- \"mit\"\n"));
  for (int i = 0; i < 200; ++i) several.counts.licenses.add(std::to_string(i));
  EXPECT_EQ(several.counts.licenses.entries().size(), Tally::most_names);
  EXPECT_EQ(several.counts.licenses.others(), 102U);
  EXPECT_THAT(dataset_card(several), HasSubstr("\nlicense: other\n"));
}

TEST(DatasetCard, SizesAreTheHubsCategories) {
  EXPECT_EQ(size_category(0), "n<1K");
  EXPECT_EQ(size_category(999), "n<1K");
  EXPECT_EQ(size_category(1000), "1K<n<10K");
  EXPECT_EQ(size_category(300'000), "100K<n<1M");
  EXPECT_EQ(size_category(1'000'000'000), "100M<n<1B");
}

}  // namespace
}  // namespace holisafe::construction
