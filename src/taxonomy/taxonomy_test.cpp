#include "taxonomy/taxonomy.h"

#include <algorithm>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace holisafe::taxonomy {
namespace {

TEST(Combination, LettersSayWhatIsSafe) {
  for (std::size_t i = 0; i < combination_count; ++i) {
    const auto combination = static_cast<Combination>(i);
    const auto letters = name(combination);
    EXPECT_EQ(parse_combination(letters), combination);
    EXPECT_EQ(image_safe(combination), letters[0] == 'S');
    EXPECT_EQ(text_safe(combination), letters[1] == 'S');
    EXPECT_EQ(expects_refusal(combination), letters[2] == 'U');
  }
  for (const char* other : {"", "sss", "USS", "SSS ", "UUS"}) EXPECT_FALSE(parse_combination(other)) << other;
}

TEST(Classes, NamesAliasesAndCategories) {
  // Index order of the guard's labels.
  const std::string order[] = {"safe",
                               "gender",
                               "race",
                               "religion",
                               "harassment",
                               "disability_discrimination",
                               "drug_related_hazards",
                               "property_crime",
                               "facial_data_exposure",
                               "identity_data_exposure",
                               "physical_self_injury",
                               "suicide",
                               "animal_abuse",
                               "obscene_gestures",
                               "physical_altercation",
                               "terrorism",
                               "weapon_related_violence",
                               "sexual_content",
                               "financial_advice",
                               "medical_advice"};
  for (std::size_t i = 0; i < class_count; ++i) {
    EXPECT_EQ(classes()[i].name, order[i]);
    EXPECT_EQ(parse_class(order[i]), i);
  }
  EXPECT_EQ(parse_class("gender_discrimination"), 1U);
  EXPECT_EQ(parse_class("race_discrimination"), 2U);
  EXPECT_EQ(parse_class("religion_discrimination"), 3U);
  EXPECT_FALSE(parse_class(""));
  EXPECT_FALSE(parse_class("Gender"));
  std::set<std::string_view> used;
  for (const auto& entry : classes().subspan(1)) used.insert(entry.category);
  EXPECT_EQ(used, std::set<std::string_view>(categories().begin(), categories().end()));
}

TEST(Classes, LabelsFitTheImageLetter) {
  EXPECT_TRUE(label_fits(Combination::SUU, 0));
  EXPECT_FALSE(label_fits(Combination::SSS, 4));
  EXPECT_TRUE(label_fits(Combination::UUU, 19));
  for (const std::int64_t label : {0, -1, 20}) EXPECT_FALSE(label_fits(Combination::USU, label));
}

}  // namespace
}  // namespace holisafe::taxonomy
