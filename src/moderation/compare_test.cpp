#include "moderation/compare.h"

#include <nlohmann/json.hpp>

#include <gmock/gmock.h>

#include "moderation/compare_page.h"
#include "moderation/made_run.h"

namespace holisafe::moderation {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Compare : public MadeRun {};

TEST_F(Compare, CountsContentsAndSortsWhatChanged) {
  add("tree/a.png", "one", 16, 0.75);
  add("tree/again.png", "one", 16, 0.75);
  add("tree/b.png", "two", 3, 0.25);
  add("tree/c.png", "three", 3, 0.9);
  add("tree/d.png", "four", 4, 0.1);
  add("tree/e.png", "five", 4, 0.6);
  add("tree/<script>.png", "six", 4, 0.2);
  const auto first = made("first");
  add("tree/a.png", "one", 12, 0.8);  // another harm
  add("tree/again.png", "one", 12, 0.8);
  add("tree/b.png", "two", 3, 0.2);
  add("tree/c.png", "three", 3, 0.95);
  add("tree/d.png", "only second", 4, 0.1);
  add("tree/e.png", "five", 4, 0.05);
  add("tree/<script>.png", "six", 4, 0.9);
  const auto second = made("second");
  const auto found = compare_verdicts(first, second);
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->both, 2U);
  EXPECT_EQ(found->first, 1U);
  EXPECT_EQ(found->second, 1U);
  EXPECT_EQ(found->neither, 1U);
  EXPECT_EQ(found->only_in_first, 1U);
  EXPECT_EQ(found->only_in_second, 1U);
  EXPECT_EQ(found->test.p_value, 1);
  EXPECT_EQ(found->classes[16][12], 1U);
  EXPECT_EQ(found->classes[0][4], 1U);
  std::vector<std::string> changed;
  for (const auto& picture : found->changed) changed.push_back(fs::path(picture.path).filename());
  EXPECT_THAT(changed, ElementsAre("<script>.png", "e.png", "a.png"));
  const auto json = to_json(*found);
  EXPECT_THAT(json.dump(),
              testing::StartsWith("{\"both\":2,\"first\":1,\"second\":1,\"neither\":1,\"p_value\":1.0,"
                                  "\"changed\":[{\"path\":"));
  EXPECT_EQ(json.at("changed")[1].at("first").at("subcategory"), "harassment");
  EXPECT_NEAR(json.at("changed")[1].at("difference").get<double>(), -0.55, 1e-12);
  const auto page = compare_page(first, second, {"old <b>", "new"}, *found, {.version = "1"});
  ASSERT_TRUE(page);
  EXPECT_THAT(*page, HasSubstr("&lt;script&gt;.png"));
  EXPECT_THAT(*page, Not(HasSubstr("<script>.png")));
  EXPECT_THAT(*page, Not(HasSubstr("old <b>")));
}

TEST_F(Compare, NothingInCommonIsAnError) {
  add("tree/a.png", "one", 16, 0.75);
  const auto first = made("first");
  add("tree/a.png", "two", 16, 0.75);
  const auto found = compare_verdicts(first, made("second"));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::missing);
}

}  // namespace
}  // namespace holisafe::moderation
