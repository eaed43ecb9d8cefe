#include "moderation/labels.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>

#include "dataset/conversations.h"
#include "moderation/made_run.h"

namespace holisafe::moderation {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class Labels : public MadeRun {
 protected:
  [[nodiscard]] Result<LabelsWritten> write(const verdicts::GuardStore& store,
                                            const LabelOptions& options = {}) {
    return write_labels(store, options, root() / "labels.json");
  }
  [[nodiscard]] json rows() const { return json::parse(read_file(root() / "labels.json").value()); }
  [[nodiscard]] std::vector<std::pair<std::string, int>> labels() const {
    std::vector<std::pair<std::string, int>> out;
    for (const auto& row : rows()) out.emplace_back(row.at("image"), row.at("image_safety_label"));
    return out;
  }
  LabelOptions decided(const std::string& text) {
    std::ofstream(root() / "decided.jsonl") << text;
    return {root() / "decided.jsonl", false};
  }
};

TEST_F(Labels, AreWhatTheGuardSaysBelowTheTree) {
  add("tree/a.png", "one", 16, 0.75);
  add("tree/deep/b.png", "two", 3, 0.25);
  add_broken("tree/c.png", "three");
  const auto written = write(made());
  ASSERT_TRUE(written) << written.error().message();
  EXPECT_THAT(labels(), ElementsAre(Pair("a.png", 16), Pair("deep/b.png", 0)));
  EXPECT_EQ(written->images, (root() / "tree").string());
  EXPECT_EQ(written->rows, 2U);
  EXPECT_EQ(written->unjudged, 1U);
  EXPECT_EQ(rows()[0].at("label_from"), "guard");
  EXPECT_EQ(rows()[0].at("sha256"), hex(sha256("one")));
  // As training reads it.
  const auto read = dataset::read_conversations(root() / "labels.json");
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->problems.empty());
  ASSERT_EQ(read->conversations.size(), 2U);
  EXPECT_EQ(read->conversations[0].image_safety_label, 16);
}

TEST_F(Labels, OfSeveralTreesStartAtTheFolderAboveAll) {
  add("tree/a.png", "one", 16, 0.75);
  add("more/in/b.png", "two", 3, 0.9);
  const auto written = write(made("run", {"tree", "more/in/"}));
  ASSERT_TRUE(written);
  EXPECT_EQ(written->images, fs::canonical(root()).string());
  EXPECT_THAT(labels(), ElementsAre(Pair("more/in/b.png", 3), Pair("tree/a.png", 16)));
}

TEST_F(Labels, OfFilesOfNoTreeStartAtTheFolderAboveAll) {
  add("tree/a.png", "one", 16, 0.75);
  add("treehouse/b.png", "two", 3, 0.9);  // begins as the tree does, and is not in it
  const auto written = write(made());
  ASSERT_TRUE(written);
  EXPECT_EQ(written->images, fs::canonical(root()).string());
  EXPECT_THAT(labels(), ElementsAre(Pair("tree/a.png", 16), Pair("treehouse/b.png", 3)));
}

TEST_F(Labels, OfAHumanStandAboveTheGuards) {
  add("tree/a.png", "one", 16, 0.75);
  add("tree/again.png", "one", 16, 0.75);
  add("tree/b.png", "two", 3, 0.25);
  add("tree/c.png", "three", 3, 0.9);
  add("tree/d.png", "four", 4, 0.9);
  add_broken("tree/e.png", "five");
  const auto store = made();
  const std::string tree = (root() / "tree").string();
  const auto options = decided(fmt::format(
      "{{\"path\":\"{}/a.png\",\"label\":\"safe\",\"score\":0.5}}\n{{\"sha256\":\"{}\",\"label\":17}}\n"
      "{{\"path\":\"{}/c.png\",\"label\":null}}\n{{\"path\":\"{}/"
      "e.png\",\"label\":\"race_discrimination\"}}\n"
      "{{\"path\":\"elsewhere.png\",\"label\":1}}\n",
      tree, hex(sha256("two")), tree, tree));
  const auto written = write(store, options);
  ASSERT_TRUE(written) << written.error().message();
  EXPECT_THAT(labels(), ElementsAre(Pair("a.png", 0), Pair("again.png", 0), Pair("b.png", 17),
                                    Pair("d.png", 4), Pair("e.png", 2)));
  EXPECT_EQ(written->decided, 4U);
  EXPECT_EQ(written->left_out, 1U);
  EXPECT_EQ(written->unjudged, 0U);
  EXPECT_THAT(written->unknown, ElementsAre(Pair(5U, "elsewhere.png")));
  EXPECT_EQ(rows()[0].at("label_from"), "decision");
  const auto only = write(store, {options.decisions, true});
  ASSERT_TRUE(only);
  EXPECT_EQ(only->rows, 4U);
  EXPECT_EQ(only->left_out, 2U);
}

TEST_F(Labels, WrongDecisionsAreNamed) {
  add("tree/a.png", "one", 16, 0.75);
  const auto store = made();
  const std::string path = (root() / "tree/a.png").string();
  const auto message = [&](const std::string& text) {
    const auto written = write(store, decided(text));
    return written ? std::string("none") : written.error().message();
  };
  EXPECT_THAT(message("{\"path\":\"x\"}"), HasSubstr("row 1: label: expected a class's name"));
  EXPECT_THAT(message("{\"path\":\"x\",\"label\":0}\n{\"path\":\"y\",\"label\":20}"),
              HasSubstr("row 2: label"));
  EXPECT_THAT(message("{\"path\":\"x\",\"label\":-1}"), HasSubstr("0 to 19, or null, found -1"));
  EXPECT_THAT(message("{\"path\":\"x\",\"label\":\"weapons\"}"), HasSubstr("found \"weapons\""));
  EXPECT_THAT(message("{\"path\":7,\"label\":1}"), HasSubstr("row 1: path"));
  EXPECT_THAT(message("{\"label\":1}"), HasSubstr("row 1: path: expected a path"));
  EXPECT_THAT(message("{\"sha256\":\"12\",\"label\":1}"), HasSubstr("64 hexadecimal digits"));
  EXPECT_THAT(message("{\"path\":\"x\",\"label\":1,\"label\":2}"), HasSubstr("expected the field once"));
  EXPECT_THAT(message("{\"path\":\"x\",\"label\":1}\n{\"path\":"), HasSubstr("line 2"));
  // The same picture by its path and by its content.
  EXPECT_THAT(message(fmt::format("{{\"sha256\":\"{}\",\"label\":1}}\n{{\"path\":\"{}\",\"label\":2}}",
                                  hex(sha256("one")), path)),
              HasSubstr("row 2: label: expected gender as in row 1"));
}

TEST_F(Labels, WhatJsonCannotHoldIsLeftOutAndNamed) {
  add("tree/a\xff.png", "one", 16, 0.75);
  add("tree/b.png", "two", 16, 0.75);
  const auto written = write(made());
  ASSERT_TRUE(written);
  EXPECT_THAT(labels(), ElementsAre(Pair("b.png", 16)));
  ASSERT_EQ(written->no_utf8.size(), 1U);
  EXPECT_THAT(written->no_utf8[0], HasSubstr("a\\xff.png"));
}

TEST_F(Labels, AreNoneWithoutAPicture) {
  add_broken("tree/a.png", "one");
  const auto written = write(made());
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::missing);
  EXPECT_FALSE(fs::exists(root() / "labels.json"));
}

}  // namespace
}  // namespace holisafe::moderation
