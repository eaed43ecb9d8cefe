#include "engine/answerer.h"

#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/random.h"
#include "models/registry/registry.h"

namespace holisafe::engine {
namespace {

namespace fs = std::filesystem;
using chat::Image;
using chat::milliseconds;

class LocalAnswerers : public testing::Test {
 protected:
  static fs::path root() {
    return fs::temp_directory_path() / ("holisafe_answerer_" + std::to_string(::getpid()));
  }

  static void SetUpTestSuite() {
    fs::create_directories(root());
    ASSERT_TRUE(models::families().front().synth({"tiny", 5, root() / "model", true, {}}));
    Random random(3);
    for (const char* name : {"a.png", "b.png"}) {
      image::Image picture{40, 30, std::vector<std::uint8_t>(3600)};
      for (auto& value : picture.rgb) value = static_cast<std::uint8_t>(random.next());
      ASSERT_TRUE(write_file_atomic(root() / name, image::encode_png(picture).value()));
    }
  }
  static void TearDownTestSuite() { fs::remove_all(root()); }

  static Engine open() {
    chat::ModelSettings settings;
    settings.model = (root() / "model").string();
    auto engine = open_engine(settings);
    EXPECT_TRUE(engine) << engine.error().message();
    return *std::move(engine);
  }

  static Image file(const char* name) { return {root() / name, nullptr}; }
  static Image bytes(const char* name) {
    return {{}, std::make_shared<const std::string>(*read_file(root() / name))};
  }
  static chat::Question question(std::vector<chat::Part> parts) {
    chat::Generation how;
    how.max_new_tokens = 6;
    return chat::question_of(std::move(parts), std::move(how));
  }

  /// What one pass over the whole prompt gives.
  static std::pair<std::string, std::optional<taxonomy::Verdict>> alone(const Engine& engine,
                                                                        const chat::Question& question) {
    auto prefill = engine.prefill(engine.load(question.conversation, {}).value()).value();
    const auto verdict = prefill.verdicts.front();
    return {engine.generate(std::move(prefill), options_of(question.how)).value().front().text, verdict};
  }
};

TEST_F(LocalAnswerers, AnswerAsOnePassOverEachQuestionWould) {
  LocalAnswerer answerer(open(), nullptr);
  const std::vector<chat::Question> questions{
      question({file("a.png"), "What is it?"}),
      question({file("a.png"), "Where is it?"}),
      question({bytes("a.png"), "What is it?"}),
      question({file("a.png"), file("b.png"), "Which one?"}),
      question({"Look at this: ", file("b.png")}),
      question({"No picture."}),
      question({"One ", file("a.png"), " or another"}),
  };
  for (std::size_t i = 0; i < questions.size(); ++i) {
    ASSERT_TRUE(answerer.has_room());
    answerer.submit(static_cast<chat::Key>(i), questions[i], nullptr);
    EXPECT_EQ(answerer.pending(), 1U);
    const auto replies = answerer.poll(milliseconds(0));
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_EQ(replies.front().first, static_cast<chat::Key>(i));
    const chat::Reply& reply = replies.front().second.value();
    const auto [text, verdict] = alone(answerer.engine(), questions[i]);
    EXPECT_EQ(reply.state, chat::State::answered);
    EXPECT_EQ(reply.text, text) << i;
    EXPECT_GT(reply.usage.prompt_tokens.value(), 0U);
    ASSERT_EQ(reply.verdict.has_value(), verdict.has_value()) << i;
    EXPECT_EQ(verdict.has_value(), !questions[i].conversation.images().empty());
    if (!verdict) continue;
    for (std::size_t c = 0; c < verdict->scores.size(); ++c)
      EXPECT_NEAR(reply.verdict->scores[c], verdict->scores[c], 1e-5);
  }
  EXPECT_EQ(answerer.pending(), 0U);
}

TEST_F(LocalAnswerers, AVerdictIsOnTheImageWhateverStandsBeforeIt) {
  LocalAnswerer answerer(open(), nullptr);
  const auto image = answerer.engine().load(file("a.png"), {}).value();
  const auto expected = answerer.engine().verdicts(std::span(&image, 1)).value().front();
  for (const auto& asked :
       {question({file("a.png"), "What?"}), question({"What is this? ", file("a.png")})}) {
    answerer.submit(1, asked, nullptr);
    const auto reply = answerer.poll(milliseconds(0)).front().second.value();
    for (std::size_t c = 0; c < expected.scores.size(); ++c)
      EXPECT_NEAR(reply.verdict->scores[c], expected.scores[c], 1e-5);
  }
}

TEST_F(LocalAnswerers, EventsHearTheVerdictThenTheText) {
  struct Ear final : chat::Events {
    void verdict(const taxonomy::Verdict& found) override {
      EXPECT_TRUE(text_.empty());
      verdict_ = found;
    }
    void text(std::string_view text) override { text_ += text; }
    std::optional<taxonomy::Verdict> verdict_;
    std::string text_;
  } ear;
  LocalAnswerer answerer(open(), nullptr);
  answerer.submit(1, question({file("a.png"), "What is it?"}), &ear);
  const auto reply = answerer.poll(milliseconds(0)).front().second.value();
  EXPECT_EQ(ear.text_, reply.text);
  ASSERT_TRUE(ear.verdict_);
  EXPECT_EQ(ear.verdict_->scores, reply.verdict->scores);
}

TEST_F(LocalAnswerers, AnImageThatCannotBeReadFailsItsQuestionsAlone) {
  LocalAnswerer answerer(open(), nullptr);
  for (const char* name : {"none.png", "none.png", "a.png"}) {
    answerer.submit(1, question({file(name), "What is it?"}), nullptr);
    const auto reply = answerer.poll(milliseconds(0)).front().second;
    if (std::string(name) == "a.png") {
      EXPECT_TRUE(reply);
    } else {
      EXPECT_EQ(reply.error().kind, ErrorKind::not_found);
      EXPECT_NE(reply.error().message().find("none.png"), std::string::npos);
    }
  }
}

TEST_F(LocalAnswerers, AStopTextEndsAnAnswer) {
  LocalAnswerer answerer(open(), nullptr);
  auto asked = question({file("a.png"), "What is it?"});
  asked.how.max_new_tokens = 12;
  answerer.submit(1, asked, nullptr);
  const std::string whole = answerer.poll(milliseconds(0)).front().second.value().text;
  ASSERT_GT(whole.size(), 4U);
  const std::string stop = whole.substr(2, 2);
  asked.how.stops = {stop};
  answerer.submit(2, asked, nullptr);
  const auto reply = answerer.poll(milliseconds(0)).front().second.value();
  EXPECT_EQ(reply.text, whole.substr(0, whole.find(stop)));
  EXPECT_EQ(reply.finish_reason, "stop");
}

TEST_F(LocalAnswerers, AnUrgentStopGivesUpTheAnswerUnderWay) {
  StopFlag stop;
  LocalAnswerer answerer(open(), &stop);
  stop.request();
  answerer.submit(1, question({file("a.png"), "What is it?"}), nullptr);
  EXPECT_EQ(answerer.poll(milliseconds(0)).size(), 1U) << "asked to finish, not to give up";
  stop.request();
  answerer.submit(2, question({file("a.png"), "What is it?"}), nullptr);
  EXPECT_TRUE(answerer.poll(milliseconds(0)).empty());
  EXPECT_EQ(answerer.pending(), 0U);
}

TEST_F(LocalAnswerers, DroppedQuestionsGetNoReply) {
  LocalAnswerer answerer(open(), nullptr);
  for (const chat::Key key : {1, 2}) answerer.submit(key, question({"Hello"}), nullptr);
  answerer.cancel(1);
  const auto replies = answerer.poll(milliseconds(0));
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies.front().first, 2);
  answerer.submit(3, question({"Hello"}), nullptr);
  answerer.drop_all();
  EXPECT_EQ(answerer.pending(), 0U);
}

}  // namespace
}  // namespace holisafe::engine
