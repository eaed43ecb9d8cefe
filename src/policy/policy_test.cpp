#include "policy/policy.h"

#include <cmath>
#include <limits>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holisafe::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view head = "format = \"holisafe-policy/1\"\nversion = \"1\"\n";

Result<Policy> parsed(const std::string& text) { return parse(std::string(head) + text, "p.toml"); }

std::size_t index_of(std::string_view name) { return taxonomy::parse_class(name).value(); }

/// So much of the named classes, the rest safe.
taxonomy::Verdict verdict(std::initializer_list<std::pair<std::string_view, double>> scores) {
  taxonomy::Verdict out;
  out.scores[0] = 1;
  for (const auto& [name, score] : scores) {
    out.scores[index_of(name)] = score;
    out.scores[0] -= score;
  }
  return out;
}

void expect_fault(const std::string& text, ErrorKind kind, const std::string& where,
                  const std::string& detail) {
  const auto found = parsed(text);
  ASSERT_FALSE(found) << text;
  EXPECT_EQ(found.error().kind, kind) << text << found.error().message();
  EXPECT_EQ(found.error().where, where) << text;
  EXPECT_THAT(found.error().detail, HasSubstr(detail)) << text;
}

TEST(Policy, ActionsGoFromMildToStrict) {
  EXPECT_LT(Action::allow, Action::warn);
  EXPECT_LT(Action::warn, Action::review);
  EXPECT_LT(Action::review, Action::block);
  EXPECT_EQ(name(Action::review), "review");
}

TEST(Policy, LeftOutIsTheDefault) {
  const auto found = parsed("");
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->name, "p");
  EXPECT_EQ(found->version, "1");
  EXPECT_EQ(found->unsafe_threshold, 0.5);
  EXPECT_EQ(found->refusal, default_refusal);
  EXPECT_EQ(found->warning, "");
  EXPECT_FALSE(found->fails_open);
  for (std::size_t i = 1; i < taxonomy::class_count; ++i) {
    EXPECT_EQ(found->classes[i].action, Action::block);
    EXPECT_EQ(found->classes[i].threshold, 0.5);
  }
}

TEST(Policy, NarrowerTablesGoOverWiderFieldByField) {
  const auto found = parsed(R"(
name = "shop"
unsafe_threshold = 1
[default]
action = "warn"
threshold = 0.25
[categories.violence]
action = "review"
[categories.hate]
threshold = 0
[classes.weapon_related_violence]
threshold = 0.75
[classes.gender_discrimination]
action = "allow"
[refusal]
text = "No: {subcategory}"
[warning]
text = "Mind."
[failure]
action = "allow"
)");
  ASSERT_TRUE(found) << found.error().message();
  const auto rule = [&](std::string_view name) { return found->classes[index_of(name)]; };
  EXPECT_EQ(found->name, "shop");
  EXPECT_EQ(found->unsafe_threshold, 1);
  EXPECT_EQ(rule("suicide").action, Action::warn);
  EXPECT_EQ(rule("suicide").threshold, 0.25);
  EXPECT_EQ(rule("terrorism").action, Action::review);
  EXPECT_EQ(rule("terrorism").threshold, 0.25);
  EXPECT_EQ(rule("weapon_related_violence").action, Action::review);
  EXPECT_EQ(rule("weapon_related_violence").threshold, 0.75);
  EXPECT_EQ(rule("race").action, Action::warn);
  EXPECT_EQ(rule("race").threshold, 0);
  EXPECT_EQ(rule("gender").action, Action::allow);
  EXPECT_EQ(rule("gender").threshold, 0);
  EXPECT_EQ(found->refusal, "No: {subcategory}");
  EXPECT_EQ(found->warning, "Mind.");
  EXPECT_TRUE(found->fails_open);
}

TEST(Policy, ErrorsNameFileAndKey) {
  expect_fault("colour = 1", ErrorKind::unexpected, "p.toml: colour", "key");
  expect_fault("[defaults]", ErrorKind::unexpected, "p.toml: defaults", "did you mean default");
  expect_fault("[default]\nactoin = \"block\"", ErrorKind::unexpected, "p.toml: default.actoin", "action");
  expect_fault("[categories.violense]", ErrorKind::unexpected, "p.toml: categories.violense", "violence");
  expect_fault("[classes.terorism]", ErrorKind::unexpected, "p.toml: classes.terorism", "terrorism");
  expect_fault("[classes.safe]", ErrorKind::unexpected, "p.toml: classes.safe", "class");
  expect_fault("[categories.safe]", ErrorKind::unexpected, "p.toml: categories.safe", "category");
  expect_fault("[classes.terrorism]\nx = 1", ErrorKind::unexpected, "p.toml: classes.terrorism.x",
               "threshold");
  expect_fault("[default]\naction = \"blok\"", ErrorKind::unsupported, "p.toml: default.action", "block");
  expect_fault("[failure]\naction = \"warn\"", ErrorKind::unsupported, "p.toml: failure.action", "allow");
  expect_fault("[refusal]\ntext = \"\"", ErrorKind::out_of_range, "p.toml: refusal.text", "empty");
  expect_fault("[refusal]\nwords = \"\"", ErrorKind::unexpected, "p.toml: refusal.words", "text");
  expect_fault("[warning]\ntext = 1", ErrorKind::wrong_type, "p.toml: warning.text", "a number");
  expect_fault("default = 1", ErrorKind::wrong_type, "p.toml: default", "a table");
  expect_fault("classes.race = 1", ErrorKind::wrong_type, "p.toml: classes.race", "a table");
  expect_fault("[[default]]", ErrorKind::wrong_type, "p.toml: default", "a list");
  expect_fault("[classes.race]\n[classes.race_discrimination]", ErrorKind::duplicate,
               "p.toml: classes.race_discrimination", "race");
  expect_fault("name = 2026-02-01", ErrorKind::wrong_type, "p.toml: name", "a date");
  expect_fault("x = ", ErrorKind::malformed, "p.toml: line 3, column 5", "");
  expect_fault("[default]\n[default]", ErrorKind::malformed, "p.toml: line 4, column 1", "");
}

TEST(Policy, ThresholdsAreFromZeroToOne) {
  for (const char* good : {"0", "1", "0.0", "1.0", "-0.0", "1e-3"})
    EXPECT_TRUE(parsed(std::string("unsafe_threshold = ") + good)) << good;
  for (const char* bad : {"-1", "2", "1.01", "-0.1", "nan", "-nan", "inf", "-inf"}) {
    expect_fault(std::string("unsafe_threshold = ") + bad, ErrorKind::out_of_range,
                 "p.toml: unsafe_threshold", "from 0 to 1");
    expect_fault(std::string("[classes.race]\nthreshold = ") + bad, ErrorKind::out_of_range,
                 "p.toml: classes.race.threshold", "from 0 to 1");
  }
  expect_fault("[default]\nthreshold = \"0.5\"", ErrorKind::wrong_type, "p.toml: default.threshold",
               "a text");
  expect_fault("[default]\nthreshold = true", ErrorKind::wrong_type, "p.toml: default.threshold",
               "true or false");
}

TEST(Policy, FormatAndVersionAreRequired) {
  const auto kind = [](std::string_view text) { return parse(text, "p.toml").error(); };
  EXPECT_EQ(kind("version = \"1\"").kind, ErrorKind::missing);
  EXPECT_EQ(kind("version = \"1\"").where, "p.toml: format");
  EXPECT_EQ(kind("format = \"holisafe-policy/2\"\nfuture = 1").kind, ErrorKind::unsupported);
  EXPECT_EQ(kind("format = \"holisafe-policy/1\"").kind, ErrorKind::missing);
  EXPECT_EQ(kind("format = \"holisafe-policy/1\"").where, "p.toml: version");
  EXPECT_EQ(kind("format = \"holisafe-policy/1\"\nversion = \"\"").kind, ErrorKind::missing);
  EXPECT_EQ(kind("format = \"holisafe-policy/1\"\nversion = 1").kind, ErrorKind::wrong_type);
  EXPECT_EQ(kind("{\"format\": 1}").kind, ErrorKind::malformed);
  EXPECT_EQ(kind("name = \"\xff\"").kind, ErrorKind::malformed);
  EXPECT_EQ(read("/nowhere/policy.toml").error().kind, ErrorKind::not_found);
}

TEST(Policy, AClassFiresFromItsThresholdOn) {
  const auto policy =
      parsed("unsafe_threshold = 1\n[classes.race]\nthreshold = 0.25\naction = \"warn\"").value();
  EXPECT_FALSE(decide(policy, verdict({{"race", 0.125}})).flagged());
  const auto fired = decide(policy, verdict({{"race", 0.25}, {"suicide", 0.375}}));
  EXPECT_THAT(fired.fired, ElementsAre(index_of("race")));
  EXPECT_EQ(fired.action, Action::warn);
  const auto both = decide(policy, verdict({{"race", 0.25}, {"suicide", 0.5}}));
  EXPECT_THAT(both.fired, ElementsAre(index_of("race"), index_of("suicide")));
  EXPECT_EQ(both.action, Action::block);
}

TEST(Policy, ManySmallScoresFireTheMostProbable) {
  const auto policy = parsed("[classes.race]\naction = \"review\"").value();
  const auto seen = verdict({{"gender", 0.125}, {"race", 0.25}, {"suicide", 0.125}});
  EXPECT_THAT(decide(policy, seen).fired, ElementsAre(index_of("race")));
  EXPECT_EQ(decide(policy, seen).action, Action::review);
  EXPECT_FALSE(decide(policy, verdict({{"gender", 0.125}, {"race", 0.25}})).flagged());
  // What is allowed counts neither to the sum nor as the most probable.
  const auto allowing = parsed("[classes.race]\naction = \"allow\"").value();
  EXPECT_FALSE(decide(allowing, seen).flagged());
  const auto more = verdict({{"gender", 0.25}, {"race", 0.375}, {"suicide", 0.3125}});
  EXPECT_THAT(decide(allowing, more).fired, ElementsAre(index_of("suicide")));
}

TEST(Policy, NothingFiresWhereAllIsAllowed) {
  const auto policy = parsed("unsafe_threshold = 0\n[default]\naction = \"allow\"\nthreshold = 0").value();
  const auto found = decide(policy, verdict({{"race", 0.875}}));
  EXPECT_FALSE(found.flagged());
  EXPECT_EQ(found.action, Action::allow);
}

TEST(Policy, AScoreThatIsNoNumberFires) {
  auto seen = verdict({});
  seen.scores[3] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(decide(of_threshold(0.5), seen).fired, ElementsAre(3));
}

TEST(Policy, AThresholdFlagsWhatTheGuardFlags) {
  for (const double threshold : {0.0, 0.3, 0.5, 0.99, 1.0}) {
    const Policy policy = of_threshold(threshold);
    EXPECT_EQ(policy.name, "threshold");
    for (int i = 0; i <= 1000; ++i) {
      auto seen = verdict({{"race", i / 3000.0}, {"suicide", i / 3000.0}, {"terrorism", i / 3000.0}});
      const auto found = decide(policy, seen);
      EXPECT_EQ(found.flagged(), seen.unsafe() >= threshold) << threshold << " " << i;
      if (found.flagged()) {
        EXPECT_EQ(found.action, Action::block);
      }
    }
  }
  EXPECT_EQ(of_threshold(0.25).version, "0.25");
}

TEST(Policy, TextsNameTheMostProbableThatFired) {
  const auto policy = parsed("[classes.suicide]\naction = \"allow\"").value();
  const auto seen = verdict({{"race", 0.375}, {"terrorism", 0.125}, {"suicide", 0.4375}});
  const auto found = decide(policy, seen);
  EXPECT_EQ(filled("{subcategory}/{category}: {subcategory} {x} {", seen, found), "race/hate: race {x} {");
  EXPECT_EQ(filled("plain", seen, found), "plain");
  EXPECT_EQ(filled("", seen, found), "");
}

}  // namespace
}  // namespace holisafe::policy
