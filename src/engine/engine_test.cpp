#include "engine/engine.h"

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/progress.h"
#include "base/random.h"
#include "checkpoint/checkpoint.h"
#include "engine/pass.h"
#include "guard/file.h"
#include "models/registry/registry.h"

namespace holisafe::engine {
namespace {

namespace fs = std::filesystem;

image::Image picture(std::uint64_t seed, int width, int height) {
  image::Image out{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(3 * width * height))};
  Random random(seed);
  for (auto& value : out.rgb) value = static_cast<std::uint8_t>(random.next());
  return out;
}

chat::Conversation question(const std::string& text, std::size_t images) {
  return chat::single_turn(std::vector<chat::Image>(images), text);
}

double difference(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

double difference(const taxonomy::Verdict& a, const taxonomy::Verdict& b) {
  double out = 0;
  for (std::size_t i = 0; i < a.scores.size(); ++i) out = std::max(out, std::abs(a.scores[i] - b.scores[i]));
  return out;
}

/// A tiny random checkpoint with a guard, of every registered family.
class Engines : public testing::TestWithParam<std::string> {
 protected:
  static fs::path root() {
    return fs::temp_directory_path() / ("holisafe_engine_" + std::to_string(::getpid()));
  }
  static void TearDownTestSuite() { fs::remove_all(root()); }

  static fs::path folder() {
    const auto out = root() / GetParam();
    if (!fs::exists(out / "config.json")) {
      const auto* family = models::family_named(GetParam()).value();
      EXPECT_TRUE(family->synth({"tiny", 11, out, true, {}}));
    }
    return out;
  }

  static Engine open(const OpenOptions& changes = {}) {
    OpenOptions options = changes;
    options.model = folder();
    auto engine = Engine::open(options);
    EXPECT_TRUE(engine) << engine.error().message();
    return *std::move(engine);
  }

  static Request request(const Engine& engine, const std::string& text, std::size_t images) {
    Request out{question(text, images), {}};
    for (std::size_t i = 0; i < images; ++i)
      out.images.push_back(
          engine.process(picture(i + text.size(), 40 + 30 * static_cast<int>(i), 56)).value());
    return out;
  }

  /// The checkpoint's guard as a plug-in file that pools otherwise.
  static fs::path plug_in(const Engine& engine, models::GuardPooling pooling) {
    guard::Guard guard = *engine.guard();
    guard.info().pooling = pooling;
    const auto path = root() / (GetParam() + std::string(guard::name(pooling)) + ".safetensors");
    EXPECT_TRUE(guard::write(guard, path));
    return path;
  }
};

const GenerateOptions short_answer{.max_new_tokens = 8};

/// Greedy tokens without a cache: the whole sequence again for every token.
std::vector<std::int64_t> naive(const Engine& engine, const Request& request, std::int64_t count) {
  const c10::InferenceMode inference;
  const models::Model& model = engine.model();
  auto prompt = model.render(request.conversation, request.images).value();
  const auto features =
      request.images.empty() ? std::vector<torch::Tensor>() : model.encode_images(request.images);
  std::vector<std::int64_t> out;
  while (static_cast<std::int64_t>(out.size()) < count) {
    const models::Prompt* const only = &prompt;
    const auto hidden = run_prompts(model, std::span(&only, 1), features, nullptr).hidden_states;
    const auto token = model.decoder().logits(hidden.select(1, -1)).argmax(1).item<std::int64_t>();
    out.push_back(token);
    const auto& stops = model.info().stop_token_ids;
    if (std::find(stops.begin(), stops.end(), token) != stops.end()) break;
    prompt.input_ids.push_back(token);
    prompt.supervised.push_back(0);
    const auto next = at::full({prompt.positions.size(0), 1}, prompt.next_position++, torch::kInt64);
    prompt.positions = at::cat({prompt.positions, next}, 1);
  }
  return out;
}

TEST_P(Engines, CachedEqualsNaive) {
  const auto engine = open();
  for (const std::size_t images : {0U, 1U, 2U}) {
    const auto asked = request(engine, "What is it?", images);
    const auto answers = engine.generate(engine.prefill(asked).value(), short_answer).value();
    EXPECT_EQ(answers.front().completion_ids, naive(engine, asked, short_answer.max_new_tokens)) << images;
  }
}

TEST_P(Engines, BatchedEqualsSingle) {
  const auto engine = open();
  const std::vector<Request> requests{request(engine, "What is it?", 1), request(engine, "Hello", 0),
                                      request(engine, "Compare the two of them, please.", 2)};
  auto batch = engine.prefill(requests).value();
  const auto logits = batch.logits.clone();
  const auto verdicts = batch.verdicts;
  const auto together = engine.generate(std::move(batch), short_answer).value();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    auto alone = engine.prefill(requests[i]).value();
    EXPECT_LT(difference(logits[static_cast<std::int64_t>(i)], alone.logits[0]), 1e-4);
    ASSERT_EQ(verdicts[i].has_value(), alone.verdicts.front().has_value());
    EXPECT_EQ(verdicts[i].has_value(), !requests[i].images.empty());
    if (verdicts[i]) {
      EXPECT_LT(difference(*verdicts[i], *alone.verdicts.front()), 1e-5);
    }
    const auto answer = engine.generate(std::move(alone), short_answer).value().front();
    EXPECT_EQ(together[i].completion_ids, answer.completion_ids) << i;
    EXPECT_EQ(together[i].text, answer.text);
  }
}

TEST_P(Engines, PrefixReuseEqualsStraight) {
  const auto engine = open();
  const auto images = request(engine, "x", 2).images;
  const auto prefix = engine.read_images(images, std::nullopt).value();
  for (const char* text : {"What is it?", "Where was this taken, and when?", "What is it?"}) {
    auto straight = engine.prefill({question(text, 2), images}).value();
    auto reused = engine.prefill(prefix, question(text, 2)).value();
    EXPECT_EQ(reused.prompt_ids, straight.prompt_ids);
    EXPECT_LT(difference(reused.logits, straight.logits), 1e-4);
    EXPECT_LT(difference(*reused.verdicts.front(), *straight.verdicts.front()), 1e-5);
    const auto expected = engine.generate(std::move(straight), short_answer).value().front().completion_ids;
    EXPECT_EQ(engine.generate(std::move(reused), short_answer).value().front().completion_ids, expected);
  }
}

TEST_P(Engines, GuardAndAnswerAgreeWhateverIsAsked) {
  const auto plain = open();
  for (const auto pooling : {models::GuardPooling::last_hidden, models::GuardPooling::projector}) {
    OpenOptions options;
    options.guard = plug_in(plain, pooling);
    const auto engine = open(options);
    const std::vector<models::ProcessedImage> images{engine.process(picture(1, 64, 48)).value(),
                                                     engine.process(picture(2, 30, 90)).value()};
    const auto verdicts = engine.verdicts(images).value();
    ASSERT_EQ(verdicts.size(), 2U);
    EXPECT_GT(difference(verdicts[0], verdicts[1]), 1e-5) << "the pictures differ";
    for (std::size_t i = 0; i < images.size(); ++i) {
      EXPECT_LT(difference(engine.verdicts(std::span(&images[i], 1)).value().front(), verdicts[i]), 1e-5);
      for (const char* text : {"", "How to use this?", "A much longer question about everything in it."}) {
        const auto asked = engine.prefill({question(text, 1), {images[i]}}).value();
        EXPECT_LT(difference(*asked.verdicts.front(), verdicts[i]), 1e-5);
      }
    }
  }
}

TEST_P(Engines, AProjectorGuardNeverTouchesTheLanguageModel) {
  OpenOptions options;
  options.guard = plug_in(open(), models::GuardPooling::projector);
  options.load.writable = true;
  const auto engine = open(options);
  const std::vector<models::ProcessedImage> images{engine.process(picture(5, 64, 48)).value()};
  const auto expected = engine.verdicts(images).value().front();
  nn::Visitor poison;
  poison.parameter = [](const nn::Parameter& parameter) {
    if (parameter.part == nn::Part::language)
      parameter.floats().fill_(std::numeric_limits<float>::quiet_NaN());
  };
  engine.model().visit(poison);
  EXPECT_EQ(difference(engine.verdicts(images).value().front(), expected), 0);
  const auto answer = engine.prefill({question("x", 1), images});
  ASSERT_TRUE(answer) << "its verdict is fine";
  const auto failed = engine.generate(*answer, short_answer);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::not_finite);
}

TEST_P(Engines, SamplingDependsOnTheSeedAlone) {
  const auto engine = open();
  const auto asked = request(engine, "What is it?", 1);
  const auto ids = [&](std::uint64_t seed) {
    const GenerateOptions options{.max_new_tokens = 12, .temperature = 1e3, .top_p = 0.9, .seed = seed};
    return engine.generate(engine.prefill(asked).value(), options).value().front().completion_ids;
  };
  EXPECT_EQ(ids(1), ids(1));
  EXPECT_TRUE(ids(1) != ids(2) || ids(1) != ids(3));
}

TEST_P(Engines, StreamedTextIsTheAnswer) {
  const auto engine = open();
  std::string streamed;
  const auto answer = engine.generate(engine.prefill(request(engine, "Hi", 1)).value(), short_answer,
                                      [&](std::size_t, const std::string& text) { streamed += text; });
  EXPECT_EQ(streamed, answer.value().front().text);
  const auto& ids = answer.value().front().completion_ids;
  EXPECT_EQ(streamed, engine.model().tokenizer().decode(ids, /*skip_special=*/true));
}

TEST_P(Engines, StopsWhenAsked) {
  const auto engine = open();
  StopFlag stop;
  GenerateOptions options{.max_new_tokens = 50};
  options.interrupted = [&stop] { return stop.requested(); };
  stop.request();
  const auto answer =
      engine.generate(engine.prefill(request(engine, "Hi", 0)).value(), options).value().front();
  EXPECT_EQ(answer.finish_reason, FinishReason::interrupted);
  EXPECT_TRUE(answer.completion_ids.empty());
}

TEST_P(Engines, ThreadsAreTheEnginesAlone) {
  const int before = at::get_num_threads();
  OpenOptions options;
  options.threads = before + 1;
  const auto engine = open(options);
  EXPECT_THAT(engine.description(), testing::HasSubstr(std::to_string(before + 1) + " threads"));
  ASSERT_TRUE(engine.generate(engine.prefill(request(engine, "Hi", 1)).value(), short_answer));
  EXPECT_EQ(at::get_num_threads(), before);
}

TEST_P(Engines, AnotherSystemTextIsNotTheSamePrefix) {
  const auto engine = open();
  const auto prefix = engine.read_images(request(engine, "x", 1).images, std::nullopt).value();
  chat::Conversation other = question("What is it?", 1);
  other.system = "Answer in verse.";
  const auto prefill = engine.prefill(prefix, other);
  ASSERT_FALSE(prefill);
  EXPECT_EQ(prefill.error().kind, ErrorKind::usage);
}

TEST_P(Engines, AGuardOfAnotherSizeNamesBothSizes) {
  guard::GuardInfo info;
  info.hidden_size = 77;
  info.model_type = open().model().info().model_type;
  auto guard = guard::Guard::random(info, 0.5, 1, 0);
  const auto path = root() / "other.safetensors";
  ASSERT_TRUE(guard::write(guard, path));
  const auto engine = Engine::open({.model = folder(), .guard = path, .adapter = {}, .load = {}});
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().kind, ErrorKind::mismatch);
  EXPECT_THAT(engine.error().message(),
              testing::AllOf(testing::HasSubstr("77"),
                             testing::HasSubstr(std::to_string(open().model().info().hidden_size))));
}

std::vector<std::string> family_names() {
  std::vector<std::string> out;
  for (const auto& family : models::families()) out.push_back(family.name);
  return out;
}

/// A copy of the checkpoint for so many positions.
Result<Engine> with_context(const fs::path& model, std::size_t positions) {
  const fs::path folder = model.string() + "_short";
  fs::remove_all(folder);
  fs::copy(model, folder);
  auto config = checkpoint::read_json(folder / "config.json").value();
  (config.contains("text_config") ? config["text_config"] : config)["max_position_embeddings"] = positions;
  HOLISAFE_CHECK(checkpoint::write_json(folder / "config.json", nlohmann::ordered_json(config)));
  OpenOptions options;
  options.model = folder;
  return Engine::open(options);
}

TEST_P(Engines, TheContextEndsQuestionsAndAnswers) {
  const Engine whole = open();
  const Request asked = request(whole, "Hm", 1);
  const std::size_t tokens = whole.prefill(asked).value().prompt_ids.front().size();
  GenerateOptions options;
  options.max_new_tokens = 20;
  for (const std::size_t room : {0U, 1U, 4U}) {
    const auto engine = with_context(folder(), tokens + room);
    ASSERT_TRUE(engine) << engine.error().message();
    const auto answers = engine->generate(engine->prefill(asked).value(), options);
    ASSERT_TRUE(answers) << answers.error().message();
    const Answer& answer = answers->front();
    EXPECT_LE(answer.completion_ids.size(), room);
    EXPECT_TRUE(answer.finish_reason == FinishReason::stop || answer.completion_ids.size() == room);
    EXPECT_TRUE(answer.finish_reason == FinishReason::length || room > 0);
  }
  const auto engine = with_context(folder(), tokens - 1);
  ASSERT_TRUE(engine) << engine.error().message();
  const auto prefix = engine->read_images(asked.images, std::nullopt);
  ASSERT_TRUE(prefix) << prefix.error().message();
  const auto expect_refused = [tokens](const Result<Prefill>& prefill) {
    ASSERT_FALSE(prefill);
    EXPECT_EQ(prefill.error().kind, ErrorKind::too_large);
    EXPECT_THAT(prefill.error().message(),
                testing::AllOf(testing::HasSubstr("max_position_embeddings " + std::to_string(tokens - 1)),
                               testing::HasSubstr("found " + std::to_string(tokens))));
  };
  expect_refused(engine->prefill(asked));
  expect_refused(engine->prefill(*prefix, asked.conversation));
  const auto tiny = with_context(folder(), 5);
  ASSERT_TRUE(tiny) << tiny.error().message();
  EXPECT_FALSE(tiny->read_images(asked.images, std::nullopt));
  EXPECT_TRUE(tiny->trace(asked)) << "a trace has any length";
}

INSTANTIATE_TEST_SUITE_P(All, Engines, testing::ValuesIn(family_names()), [](const auto& test) {
  std::string out = test.param;
  for (char& c : out) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return out;
});

}  // namespace
}  // namespace holisafe::engine
