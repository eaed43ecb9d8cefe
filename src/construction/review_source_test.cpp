#include "construction/review_source.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "construction/files.h"
#include "image/image.h"

namespace holisafe::construction {
namespace {

namespace fs = std::filesystem;
using review::Json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

/// A build of six images: 0 safe, 1 unsafe, 2 disputed, 3 unlabelled, 4 in quarantine, 5 a copy of 4; with
/// pairs of 0, 1 and 5.
class ReviewSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / ("review_source_" + std::to_string(::getpid()) + "_" +
                                         testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(root_);
    work_ = std::make_unique<Work>(Work::open(root_ / "work", store::Access::write).value());
    source_ = std::make_unique<ReviewSource>(*work_, "me");
    const std::vector<ImageRow> images{
        image(0, ImageState::kept, 0),         image(1, ImageState::kept, 16),
        image(2, ImageState::disputed, {}),    image(3, ImageState::unlabelled, {}),
        image(4, ImageState::quarantined, {}), image(5, ImageState::kept, 0)};
    ASSERT_TRUE(work_->write(images));
    using taxonomy::Combination;
    const std::vector<PairRow> pairs{
        pair(0, 0, Combination::SSS, PairState::ready),    pair(1, 0, Combination::SSU, PairState::leaks),
        pair(2, 0, Combination::SUU, PairState::declined), pair(3, 1, Combination::USU, PairState::ready),
        pair(4, 1, Combination::UUU, PairState::mismatch), pair(5, 5, Combination::SSS, PairState::ready)};
    ASSERT_TRUE(work_->write(pairs));
  }
  void TearDown() override {
    source_.reset();
    work_.reset();
    fs::remove_all(root_);
  }

  ImageRow image(std::int64_t id, ImageState state, std::optional<std::size_t> label) {
    image::Image pixels{4, 4, std::vector<std::uint8_t>(48, static_cast<std::uint8_t>(id))};
    const std::string bytes = image::encode_png(pixels).value();
    ImageRow out;
    out.id = id;
    out.source = "pictures";
    out.path = std::to_string(id) + ".png";
    out.file = (root_ / out.path).string();
    std::ofstream(out.file, std::ios::binary) << bytes;
    out.sha256 = hex(sha256(bytes));
    out.width = out.height = 4;
    out.cluster = id == 5 ? 4 : id;
    out.state = state;
    out.label = label;
    if (state == ImageState::disputed) {
      out.votes = {{"a:one", "safe"}, {"b:two", "suicide"}};
      out.reason = "labellers disagree";
    }
    return out;
  }
  static PairRow pair(std::int64_t id, std::int64_t image, taxonomy::Combination type, PairState state) {
    PairRow out;
    out.id = id;
    out.image_id = image;
    out.type = type;
    out.subcategory = image == 1 ? 16 : 2;
    out.state = state;
    if (state == PairState::declined) return out;
    out.instruction = "instruction " + std::to_string(id);
    if (state != PairState::mismatch) out.response = "response " + std::to_string(id);
    return out;
  }

  Json rows(const std::string& list, const http::Query& parameters = {}) {
    auto out = source_->rows(list, parameters);
    if (!out) ADD_FAILURE() << out.error().error.message();
    return out ? *out : Json{{list, Json::array()}};
  }
  std::vector<int> ids(const http::Query& parameters = {}, const std::string& list = "pairs") {
    std::vector<int> out;
    const Json all = rows(list, parameters);
    for (const auto& row : all.at(list)) out.push_back(row.at("id"));
    return out;
  }
  Json decide(const std::string& decision) {
    auto out = source_->decide(decision);
    if (!out) ADD_FAILURE() << decision << ": " << out.error().error.message();
    return out ? *out : Json();
  }
  /// The member at fault; "404" for what is unknown.
  std::string refused(const std::string& decision) {
    const auto out = source_->decide(decision);
    if (out) return "taken";
    if (out.error().kind == review::Fault::Kind::unknown) return "404";
    return out.error().kind == review::Fault::Kind::failed ? "failed" : out.error().error.where;
  }
  std::string parameter_at_fault(const std::string& list, const http::Query& parameters) {
    const auto out = source_->rows(list, parameters);
    return out || out.error().kind != review::Fault::Kind::unusable ? "" : out.error().error.where;
  }
  PairRow stored(std::int64_t id) { return work_->pair(id).value().value(); }
  ImageRow stored_image(std::int64_t id) { return work_->image(id).value().value(); }
  fs::path file(const std::string& text) {
    std::ofstream(root_ / "decisions.jsonl", std::ios::binary) << text;
    return root_ / "decisions.jsonl";
  }

  fs::path root_;
  std::unique_ptr<Work> work_;
  std::unique_ptr<ReviewSource> source_;
};

TEST_F(ReviewSourceTest, GivesUndecidedPairsByStateCombinationAndClass) {
  EXPECT_THAT(ids(), ElementsAre(0, 3));
  EXPECT_THAT(ids({{"state", "leaks"}}), ElementsAre(1));
  EXPECT_THAT(ids({{"state", ""}, {"type", "USU"}}), ElementsAre(3));
  EXPECT_THAT(ids({{"subcategory", "race"}}), ElementsAre(0));
  EXPECT_THAT(ids({{"after", "0"}}), ElementsAre(3));
  EXPECT_THAT(ids({{"after", "-1"}, {"limit", "1"}}), ElementsAre(0));
  decide(R"({"id":0,"decision":"accept"})");
  EXPECT_THAT(ids(), ElementsAre(3));
  EXPECT_THAT(ids({{"show", "all"}}), ElementsAre(0, 3));
  EXPECT_EQ(rows("pairs", {{"show", "all"}, {"after", "3"}}).at("left"), 1);  // of pair 5 nobody is told
}

TEST_F(ReviewSourceTest, NamesTheParameterAtFault) {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"state", "good"}, {"type", "ssu"},  {"subcategory", "safe"}, {"subcategory", "cats"},
      {"after", "x"},    {"after", "-2"},  {"limit", "0"},          {"limit", "1001"},
      {"limit", "1.5"},  {"show", "none"}, {"instruction", "what"},
  };
  for (const auto& [name, value] : wrong)
    EXPECT_EQ(parameter_at_fault("pairs", {{name, value}}), name) << value;
  EXPECT_EQ(parameter_at_fault("images", {{"state", "quarantined"}}), "state");
  EXPECT_EQ(parameter_at_fault("images", {{"type", "SSU"}}), "type");
  EXPECT_EQ(source_->rows("others", {}).error().kind, review::Fault::Kind::unknown);
}

TEST_F(ReviewSourceTest, ShowsWhatTheCheckerSaidOfTheLastInstruction) {
  const auto reply = [](Step step, const std::string& object) {
    KeptReply out;
    out.subject = 0;
    out.step = step;
    out.by = "openai:checker";
    out.object = object;
    return out;
  };
  const std::vector<KeptReply> replies{
      reply(Step::write, R"({"instruction":"old"})"), reply(Step::check, R"({"reason":"of the old one"})"),
      reply(Step::write, R"({"instruction":"new"})"),
      reply(Step::check, R"({"image_safe":true,"text_safe":true,"together_safe":true,"reason":"fine"})"),
      reply(Step::text_check, R"({"harmful":false,"reveals_image":false,"reason":"plain"})")};
  ASSERT_TRUE(work_->keep(replies, {}, {}));
  const Json checks = rows("pairs").at("pairs").at(0).at("checks");
  ASSERT_THAT(checks, SizeIs(2));
  EXPECT_EQ(checks[0].at("step"), "check");
  EXPECT_EQ(checks[0].at("by"), "openai:checker");
  EXPECT_EQ(checks[0].at("reason"), "fine");
  EXPECT_EQ(checks[1].at("step"), "text_check");
  EXPECT_EQ(checks[1].at("harmful"), false);
}

TEST_F(ReviewSourceTest, ADecisionIsOnDiskAndTakenBack) {
  const Json edited = decide(R"({"id":0,"decision":"edit","response":"better","reviewer":"ada","note":"n"})");
  EXPECT_EQ(edited.at("response"), "better");
  EXPECT_EQ(edited.at("instruction"), "instruction 0");
  EXPECT_EQ(edited.at("review").at("decision"), "edit");
  EXPECT_EQ(edited.at("review").at("before").at("response"), "response 0");
  EXPECT_EQ(stored(0).review->reviewer, "ada");
  decide(R"({"id":0,"decision":"reject"})");
  EXPECT_EQ(stored(0).review->reviewer, "me");
  const auto all = work_->decisions_of_pair(0).value();
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].note, "n");
  EXPECT_EQ(all[1].decision, "reject");
  EXPECT_EQ(decide(R"({"id":0,"decision":"undo"})").at("review").at("decision"), "edit");
  const Json undone = decide(R"({"id":0,"decision":"undo","reviewer":"ada"})");
  EXPECT_TRUE(undone.at("review").is_null());
  EXPECT_EQ(undone.at("response"), "response 0");
  EXPECT_EQ(refused(R"({"id":0,"decision":"undo","reviewer":"ada"})"), "decision");
  EXPECT_EQ(work_->decisions_of_pair(0).value().size(), 4U);
}

TEST_F(ReviewSourceTest, RefusesWhatCannotBeDecided) {
  EXPECT_EQ(refused(R"({"id":99,"decision":"accept"})"), "404");
  EXPECT_EQ(refused(R"({"id":5,"decision":"accept"})"), "404");       // looks like what is in quarantine
  EXPECT_EQ(refused(R"({"id":2,"decision":"accept"})"), "id");        // declined: there is no text
  EXPECT_EQ(refused(R"({"id":4,"decision":"accept"})"), "decision");  // without a response
  EXPECT_EQ(refused(R"({"id":4,"decision":"edit","instruction":"x"})"), "response");
  EXPECT_EQ(refused(R"({"id":4,"decision":"undo"})"), "decision");
  EXPECT_EQ(refused(R"({"id":0,"decision":"accept","reviewer":7})"), "reviewer");
  EXPECT_EQ(refused(R"({"image_id":99,"decision":"label","label":"safe"})"), "404");
  EXPECT_EQ(refused(R"({"image_id":4,"decision":"label","label":"safe"})"), "404");
  EXPECT_EQ(refused(R"({"image_id":0,"decision":"label","label":"suicide"})"), "image_id");
  EXPECT_FALSE(stored(0).review || stored(4).review);
  EXPECT_EQ(decide(R"({"id":4,"decision":"edit","response":"given"})").at("response"), "given");
}

TEST_F(ReviewSourceTest, ALabelSettlesADispute) {
  EXPECT_THAT(ids({}, "images"), ElementsAre(2));
  EXPECT_THAT(ids({{"state", "unlabelled"}}, "images"), ElementsAre(3));
  const Json settled = decide(R"({"image_id":2,"decision":"label","label":"suicide","reviewer":"ada"})");
  EXPECT_EQ(settled.at("state"), "kept");
  EXPECT_EQ(settled.at("label"), "suicide");
  EXPECT_THAT(ids({}, "images"), IsEmpty());
  const ImageRow row = stored_image(2);
  EXPECT_EQ(row.label, 11U);
  EXPECT_EQ(row.reason, "");
  EXPECT_EQ(row.votes.back().by, "ada");
  // A second thought, as long as nothing was planned from it.
  decide(R"({"image_id":2,"decision":"label","label":"safe"})");
  EXPECT_EQ(stored_image(2).label, 0U);
  ASSERT_TRUE(work_->write(std::vector{pair(6, 2, taxonomy::Combination::SSS, PairState::planned)}));
  EXPECT_EQ(refused(R"({"image_id":2,"decision":"label","label":"suicide"})"), "image_id");
}

TEST_F(ReviewSourceTest, QuarantineTakesAPictureAndItsPairsAway) {
  ASSERT_TRUE(source_->picture(1));
  decide(R"({"image_id":1,"decision":"label","label":"quarantine"})");
  EXPECT_EQ(stored_image(1).state, ImageState::quarantined);
  EXPECT_FALSE(stored_image(1).label);
  EXPECT_EQ(source_->picture(1).error().kind, review::Fault::Kind::unknown);
  EXPECT_THAT(ids(), ElementsAre(0));
  EXPECT_EQ(stored(3).review->decision, "reject");
  EXPECT_EQ(stored(4).review->decision, "reject");
  EXPECT_EQ(refused(R"({"id":3,"decision":"accept"})"), "404");
  EXPECT_EQ(refused(R"({"image_id":1,"decision":"label","label":"safe"})"), "404");
}

TEST_F(ReviewSourceTest, GivesPicturesAsTheyWereImported) {
  const auto found = source_->picture(0);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->mime_type, "image/png");
  EXPECT_EQ(hex(sha256(found->bytes)), stored_image(0).sha256);
  for (const int id : {4, 5, 6})
    EXPECT_EQ(source_->picture(id).error().kind, review::Fault::Kind::unknown) << id;
  std::ofstream(stored_image(0).file, std::ios::app) << "more";
  EXPECT_THAT(source_->picture(0).error().error.what, HasSubstr("another one"));
  fs::remove(stored_image(1).file);
  EXPECT_EQ(source_->picture(1).error().kind, review::Fault::Kind::unknown);
}

TEST_F(ReviewSourceTest, SaysWhatThereIs) {
  const Json about = source_->about().value();
  EXPECT_EQ(about.at("title"), "work");
  EXPECT_EQ(about.at("reviewer"), "me");
  EXPECT_EQ(about.at("lists").at("pairs")[0], Json({{"state", "ready"}, {"left", 2}}));
  EXPECT_EQ(about.at("lists").at("images")[0], Json({{"state", "disputed"}, {"left", 1}}));
  EXPECT_THAT(about.at("types"), SizeIs(5));
  EXPECT_EQ(about.at("classes")[16], Json({{"name", "weapon_related_violence"}, {"category", "violence"}}));
}

TEST_F(ReviewSourceTest, AFileIsTakenWhole) {
  const auto taken = apply_decisions(*work_,
                                     file("\xEF\xBB\xBF{\"id\":0,\"decision\":\"accept\"}\r\n\n"
                                          "{\"id\":0,\"decision\":\"undo\"}\n"
                                          "{\"id\":3,\"decision\":\"reject\",\"reviewer\":\"ben\"}\n"
                                          "{\"image_id\":2,\"decision\":\"label\",\"label\":\"safe\"}"),
                                     "ada");
  ASSERT_TRUE(taken) << taken.error().message();
  EXPECT_EQ(*taken, 4U);
  EXPECT_FALSE(stored(0).review);
  EXPECT_EQ(work_->decisions_of_pair(0).value()[0].reviewer, "ada");
  EXPECT_EQ(stored(3).review->reviewer, "ben");
  EXPECT_EQ(stored_image(2).state, ImageState::kept);
}

TEST_F(ReviewSourceTest, AFileWithABadLineIsNotTaken) {
  const std::string good = "{\"id\":0,\"decision\":\"accept\"}\n";
  for (const auto& [text, place] : std::vector<std::pair<std::string, std::string>>{
           {"{\"id\":99,\"decision\":\"accept\"}\n", ": line 3"},
           {"{\"id\":3,\"decision\":\"agree\"}\n", ": line 3: decision"},
           {"{\"id\":3,\"decision\":\"undo\"}\n", ": line 3: decision"},
           {"{\"id\":3\n", ": line 3"},
           {"{\"image_id\":4,\"decision\":\"label\",\"label\":\"safe\"}\n", ": line 3"}}) {
    const auto path = file(good + "\n" + text + good);
    const auto taken = apply_decisions(*work_, path, "ada");
    ASSERT_FALSE(taken) << text;
    EXPECT_THAT(taken.error().where, testing::StartsWith(path.string() + place)) << text;
    EXPECT_FALSE(stored(0).review);
    EXPECT_THAT(work_->decisions_of_pair(0).value(), IsEmpty());
  }
  EXPECT_EQ(apply_decisions(*work_, file("\n \n"), "ada").error().kind, ErrorKind::missing);
  EXPECT_EQ(apply_decisions(*work_, root_ / "none", "ada").error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace holisafe::construction
