#include "dataset/conversations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holisafe::dataset {
namespace {

std::vector<std::string> problems_of(const std::string& rows) {
  const auto data = parse_conversations("[" + rows + "]", "t.json").value();
  std::vector<std::string> out;
  for (const auto& error : data.problems.kept()) out.push_back(error.message());
  return out;
}

const std::string turns =
    R"("conversations": [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A ball."}])";
const std::string text_turns =
    R"("conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}])";

TEST(Conversations, ReadsEveryShape) {
  const auto data =
      parse_conversations(
          R"([{"id": "a", "image": "x.png", "image_safety_label": 3, "type": "USU", "more": 1, )" + turns +
              R"(},
                            {"id": 5, )" +
              text_turns + R"(},
                            {"image": ["x.png"], "image_safety_label": -100, )" +
              turns + R"(},
                            {"image": null, "image_safety_label": null, )" +
              text_turns + R"(},
                            {"image": "y.png", )" +
              text_turns + "}]",
          "t.json")
          .value();
  EXPECT_TRUE(data.problems.empty());
  ASSERT_EQ(data.conversations.size(), 5U);
  const auto& first = data.conversations[0];
  EXPECT_EQ(first.id, "a");
  EXPECT_THAT(first.images, testing::ElementsAre("x.png"));
  EXPECT_EQ(first.image_safety_label, 3);
  EXPECT_EQ(first.type, taxonomy::Combination::USU);
  ASSERT_EQ(first.turns.size(), 2U);
  EXPECT_EQ(first.turns[0].from, Speaker::human);
  EXPECT_EQ(first.turns[0].value, "<image>\nWhat?");
  EXPECT_EQ(first.turns[1].from, Speaker::gpt);
  EXPECT_EQ(data.conversations[1].id, "5");
  EXPECT_TRUE(data.conversations[1].images.empty());
  EXPECT_EQ(data.conversations[1].image_safety_label, no_label);
  EXPECT_EQ(data.conversations[2].id, "");
  EXPECT_EQ(data.conversations[4].images.size(), 1U);  // an image without its place in the text
}

TEST(Conversations, ImagesIsReadAsImageIsWhereTagsShowThem) {
  const auto data = parse_conversations(R"([{"images": ["x.png"], )" + turns + R"(}, {"images": "y.png", )" +
                                            turns + R"(}, {"images": [], )" + text_turns +
                                            R"(}, {"images": null, "image": "z.png", )" + turns + "}]",
                                        "t.json")
                        .value();
  EXPECT_TRUE(data.problems.empty());
  ASSERT_EQ(data.conversations.size(), 4U);
  EXPECT_THAT(data.conversations[0].images, testing::ElementsAre("x.png"));
  EXPECT_THAT(data.conversations[1].images, testing::ElementsAre("y.png"));
  EXPECT_TRUE(data.conversations[2].images.empty());
  EXPECT_THAT(data.conversations[3].images, testing::ElementsAre("z.png"));
}

TEST(Conversations, EveryProblemIsNamed) {
  const std::string where = "invalid row: t.json: row 1 (index 0), id 1: ";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"id": 1})", "conversations: expected an array, found nothing"},
      {R"({"id": 1, "conversations": {}})", "conversations: expected an array, found an object"},
      {R"({"id": 1, "conversations": []})",
       "conversations: expected pairs of human and gpt turns, found 0 turns"},
      {R"({"id": 1, "conversations": [{"from": "human", "value": "a"}]})",
       "conversations: expected pairs of human and gpt turns, found 1 turns"},
      {R"({"id": 1, "conversations": [{"from": "gpt", "value": "a"}]})",
       "conversations[0]: expected a turn from \"human\", found \"gpt\""},
      {R"({"id": 1, "conversations": [{"from": "system", "value": "a"}]})",
       "conversations[0]: expected a turn from \"human\", found \"system\""},
      {R"({"id": 1, "conversations": [{"from": "human"}]})",
       "conversations[0]: expected the strings \"from\" and \"value\""},
      {R"({"id": 1, "conversations": [3]})", "conversations[0]: expected an object, found an integer"},
      {R"({"id": 1, "image": 4, )" + text_turns + "}",
       "image: expected a path or a list of paths, found an integer"},
      {R"({"id": 1, "image": ["a", 4], )" + text_turns + "}",
       "image: expected a list of paths, found an integer"},
      {R"({"id": 1, "image": "", )" + text_turns + "}", "image: expected a path"},
      {R"({"id": 1, "image": "a", "image": "b", )" + turns + "}",
       "image: expected the field once, found it again"},
      {R"({"id": 1, )" + turns + "}", "conversations: expected 0 <image>, as many as images, found 1"},
      {R"({"id": 1, "image": ["a", "b"], )" + turns + "}",
       "conversations: expected 2 <image>, as many as images, found 1"},
      {R"({"id": 1, "images": ["a"], )" + text_turns + "}",
       "images: expected 1 <image> in the human turns, one each, found none"},
      {R"({"id": 1, "images": ["a", "b"], )" + turns + "}",
       "conversations: expected 2 <image>, as many as images, found 1"},
      {R"({"id": 1, "images": [{"path": "a"}], )" + turns + "}",
       "images: expected a list of paths, found an object"},
      {R"({"id": 1, "image": "a", "images": ["a"], )" + turns + "}", "images: the row has `image` too"},
      {R"({"id": 1, )" + text_turns + ", " + text_turns + "}",
       "conversations: expected the field once, found it again"},
      {R"({"id": 1, "image": "a", "image_safety_label": 20, )" + turns + "}",
       "image_safety_label: expected 0 to 19, or -100 for none, found 20"},
      {R"({"id": 1, "image": "a", "image_safety_label": "3", )" + turns + "}",
       "image_safety_label: expected an integer, found a string"},
      {R"({"id": 1, "image_safety_label": 3, )" + text_turns + "}",
       "image_safety_label: the row has no image"},
  };
  for (const auto& [text, message] : cases)
    EXPECT_THAT(problems_of(text), testing::ElementsAre(where + message)) << text;
  EXPECT_THAT(problems_of("3"),
              testing::ElementsAre("invalid row: t.json: row 1 (index 0), id unknown: expected an "
                                   "object, found an integer"));
  EXPECT_EQ(parse_conversations("{}", "t.json").error().kind, ErrorKind::wrong_type);
}

}  // namespace
}  // namespace holisafe::dataset
