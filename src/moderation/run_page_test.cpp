#include "moderation/run_page.h"

#include <fstream>

#include <gmock/gmock.h>

#include "moderation/made_run.h"

namespace holisafe::moderation {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string picture(std::uint8_t grey, int side = 40) {
  image::Image out{side, side, std::vector<std::uint8_t>(static_cast<std::size_t>(3 * side * side), grey)};
  return image::encode_png(out).value();
}

std::size_t count_of(const std::string& text, const std::string& word) {
  std::size_t count = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

class RunPage : public MadeRun {
 protected:
  [[nodiscard]] std::string page(const verdicts::GuardStore& store, PageOptions options = {}) {
    const auto made = run_page(store, options);
    EXPECT_TRUE(made) << made.error().message();
    return made.value_or("");
  }
};

TEST_F(RunPage, ShowsCountsErrorsAndPicturesInert) {
  add("tree/a.png", picture(10), 16, 0.75);
  add("tree/b.png", picture(10), 16, 0.75);
  add("tree/<img src=x onerror=alert(1)>.png", picture(20), 3, 0.97);
  add("tree/c.png", picture(30), 3, 0.48);
  add("tree/no picture.png", "text", 3, 0.2);
  add_broken("tree/d.png", "five");
  const auto store = made();
  const std::string html = page(store);
  EXPECT_EQ(html, page(store));
  EXPECT_THAT(html, HasSubstr("<div class=\"label\">Pictures judged</div><div class=\"figure\">5</div>"));
  EXPECT_THAT(html, HasSubstr("<div class=\"label\">Flagged</div><div class=\"figure\">3</div>"));
  EXPECT_THAT(html, HasSubstr("<div class=\"label\">Duplicates</div><div class=\"figure\">1</div>"));
  EXPECT_THAT(html, HasSubstr("malformed"));
  EXPECT_THAT(html, HasSubstr("&lt;img src=x onerror=alert(1)&gt;.png"));
  EXPECT_THAT(html, Not(HasSubstr("<img src=x")));
  // Four contents, each among the most unsafe and the nearest; one of them cannot be decoded.
  EXPECT_EQ(count_of(html, "data:image/jpeg;base64,"), 6U);
  EXPECT_EQ(count_of(html, "class=\"missing\""), 2U);
  const auto unsafe = html.find("<section id=\"most-unsafe\">");
  const auto nearest = html.find("<section id=\"nearest\">");
  ASSERT_TRUE(unsafe < nearest && nearest != std::string::npos);
  EXPECT_LT(html.find("onerror", unsafe), html.find("a.png", unsafe));
  EXPECT_LT(html.find("c.png", nearest), html.find("a.png", nearest));
}

TEST_F(RunPage, StaysBounded) {
  for (int i = 0; i < 60; ++i) {
    add(fmt::format("tree/{}.png", i), picture(static_cast<std::uint8_t>(i), 300), 16, i / 60.0);
  }
  const auto store = made();
  EXPECT_EQ(count_of(page(store, {.most_pictures = 5}), "data:image/jpeg"), 10U);
  EXPECT_EQ(count_of(page(store), "data:image/jpeg"), 48U);
  EXPECT_LT(page(store).size(), page(store, {.most_pictures = 0}).size() + 48U * 8000);
}

TEST_F(RunPage, AFileThatIsAnotherOneNowIsNotShown) {
  add("tree/a.png", picture(10), 16, 0.75);
  const auto store = made();
  ASSERT_TRUE(write_file_atomic(root() / "tree/a.png", picture(200)));
  const std::string html = page(store);
  EXPECT_THAT(html, HasSubstr("the file is another one now"));
  EXPECT_THAT(html, Not(HasSubstr("data:image/jpeg")));
}

TEST_F(RunPage, WithLabelsTheGuardIsMeasured) {
  add("tree/a.png", picture(10), 16, 0.75);
  add("tree/b.png", picture(20), 16, 0.75);
  add("tree/c.png", picture(30), 3, 0.1);
  add("tree/copy.png", picture(30), 3, 0.1);
  const auto store = made();
  std::ofstream(root() / "labels.json")
      << R"([{"id":1,"image":"a.png","image_safety_label":16},{"id":2,"image":"b.png","image_safety_label":0},
             {"id":3,"image":"c.png","image_safety_label":0},{"id":4,"image":"copy.png","image_safety_label":0},
             {"id":5,"image":"../tree/none.png","image_safety_label":3}])";
  PageOptions options{.labels = root() / "labels.json", .images = root() / "tree"};
  const auto measured = measure_run(store, options);
  ASSERT_TRUE(measured) << measured.error().message();
  EXPECT_EQ(measured->metrics.rows, 3U);
  EXPECT_EQ(measured->metrics.binary.true_positives, 1U);
  EXPECT_EQ(measured->metrics.binary.false_positives, 1U);
  EXPECT_EQ(measured->metrics.binary.true_negatives, 1U);
  EXPECT_THAT(page(store, options), HasSubstr("<section id=\"guard\">"));
  EXPECT_THAT(page(store), Not(HasSubstr("<section id=\"guard\">")));
  std::ofstream(root() / "labels.json")
      << R"([{"id":3,"image":"c.png","image_safety_label":0},{"id":4,"image":"copy.png","image_safety_label":4}])";
  EXPECT_EQ(measure_run(store, options).error().kind, ErrorKind::mismatch);
  options.images = root();
  EXPECT_EQ(measure_run(store, options).error().kind, ErrorKind::missing);
}

}  // namespace
}  // namespace holisafe::moderation
