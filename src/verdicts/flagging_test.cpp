#include "verdicts/flagging.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "verdicts/verdict_json.h"

namespace holisafe::verdicts {
namespace {

/// All of it on two classes.
taxonomy::Verdict verdict(std::size_t first, double score, std::size_t second) {
  taxonomy::Verdict out;
  out.scores[first] = score;
  out.scores[second] = 1 - score;
  out.label = score >= 0.5 ? first : second;
  return out;
}

/// 0.5 everywhere but for some.
std::vector<double> calibrated(std::initializer_list<std::pair<std::size_t, double>> thresholds) {
  std::vector<double> out(taxonomy::class_count, 0.5);
  for (const auto& [index, threshold] : thresholds) out[index] = threshold;
  return out;
}

Flagging by_class(std::vector<double> thresholds) {
  return Flagging::by_class(std::move(thresholds), "g.safetensors").value();
}

TEST(Flagging, OneThresholdIsOnNotBeingSafe) {
  const auto some = verdict(0, 0.75, 3);
  EXPECT_TRUE(Flagging(0.25).flags(some));
  EXPECT_FALSE(Flagging(0.26).flags(some));
  EXPECT_TRUE(Flagging(0).flags(verdict(0, 1, 1)));
  EXPECT_TRUE(Flagging(0.25).classes(some).empty());
}

TEST(Flagging, AHarmCountsFromItsClassesThreshold) {
  const auto some = verdict(0, 0.75, 3);  // class 3: 0.25
  EXPECT_FALSE(by_class(calibrated({})).flags(some));
  EXPECT_TRUE(by_class(calibrated({{3, 0.25}})).flags(some));
  EXPECT_FALSE(by_class(calibrated({{3, 0.26}})).flags(some));
  EXPECT_FALSE(by_class(calibrated({{0, 0.1}})).flags(some)) << "safe is no harm";
  const auto two = verdict(19, 0.5, 2);
  EXPECT_EQ(by_class(calibrated({})).classes(two), (std::vector<std::size_t>{2, 19}));
}

TEST(Flagging, AGuardThatWasNeverCalibratedIsNamed) {
  const auto none = Flagging::by_class({}, "g.safetensors");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::missing);
  EXPECT_NE(none.error().message().find("g.safetensors"), std::string::npos);
  EXPECT_NE(none.error().message().find("guard calibrate"), std::string::npos);
}

TEST(VerdictJson, ClassesStandWhereFlaggingGoesByThem) {
  const auto two = verdict(19, 0.5, 2);
  const auto plain = to_json("a.png", two, Flagging(0.5));
  EXPECT_EQ(plain.dump().substr(0, 40), R"({"path":"a.png","flagged":true,"label":1)");
  EXPECT_FALSE(plain.contains("flagged_classes"));
  EXPECT_EQ(plain.at("scores").size(), taxonomy::class_count);
  const auto classed = to_json("a.png", two, by_class(calibrated({{2, 0.51}})));
  EXPECT_EQ(classed.at("flagged_classes"), nlohmann::ordered_json({taxonomy::classes()[19].name}));
  EXPECT_EQ(to_json("a.png", two, by_class(calibrated({{2, 1}, {19, 1}}))).at("flagged_classes"),
            nlohmann::ordered_json::array());
  const std::string words = verdict_text(two, by_class(calibrated({})));
  EXPECT_NE(words.find(std::string("flagged: ") + std::string(taxonomy::classes()[2].name) + ", " +
                       std::string(taxonomy::classes()[19].name)),
            std::string::npos)
      << words;
}

TEST(VerdictJson, AnErrorIsALineAndForeignBytesAreKept) {
  const auto error = to_json("a.png", fail(ErrorKind::not_found, "cannot open", "a.png"), Flagging(0.5));
  EXPECT_EQ(error.dump(), R"({"path":"a.png","error":{"kind":"not_found","message":"cannot open: a.png"}})");
  const auto foreign = to_json("\xff.png", verdict(0, 1, 1), Flagging(0.5));
  EXPECT_EQ(foreign.at("path_bytes"), "/y5wbmc=");
  EXPECT_FALSE(to_json("é.png", verdict(0, 1, 1), Flagging(0.5)).contains("path_bytes"));
}

}  // namespace
}  // namespace holisafe::verdicts
