#include "train/settings.h"

#include <gtest/gtest.h>

namespace holisafe::train {
namespace {

TEST(Mix, ReadsFileAndCount) {
  EXPECT_EQ(Mix::parse("a:b.json:12")->file, "a:b.json");
  EXPECT_EQ(*Mix::parse("a.json:12")->count, 12);
  EXPECT_FALSE(Mix::parse("a.json")->count);
  EXPECT_EQ(Mix::parse("a.json:0").error().where, "--mix");
  EXPECT_EQ(Mix::parse("a.json:1x").error().kind, ErrorKind::usage);
}

TEST(Settings, FreezesWhatIsListed) {
  Settings settings;
  ASSERT_TRUE(settings.freeze("vision,projector"));
  EXPECT_TRUE(settings.freeze_vision && settings.freeze_projector && !settings.freeze_language);
  EXPECT_FALSE(settings.guard_only());
  ASSERT_TRUE(settings.freeze("all"));
  EXPECT_TRUE(settings.guard_only());
  EXPECT_EQ(settings.freeze("tower").error().where, "--freeze");
}

TEST(Settings, ErrorsNameTheFlag) {
  Settings settings;
  EXPECT_TRUE(settings.check());
  settings.lora_dropout = 1.0;
  EXPECT_EQ(settings.check().error().where, "--lora-dropout");
  settings.lora_dropout = 0;
  settings.full = settings.freeze_language = true;
  EXPECT_EQ(settings.check().error().where, "--full");
}

}  // namespace
}  // namespace holisafe::train
