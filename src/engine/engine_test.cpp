#include "engine/engine.h"

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/progress.h"
#include "checkpoint/checkpoint.h"
#include "engine/tiny_models.h"
#include "models/prompt_batch.h"
#include "nn/vector_set.h"

namespace holisafe::engine {
namespace {

namespace fs = std::filesystem;

double difference(const taxonomy::Verdict& a, const taxonomy::Verdict& b) {
  double out = 0;
  for (std::size_t i = 0; i < a.scores.size(); ++i) out = std::max(out, std::abs(a.scores[i] - b.scores[i]));
  return out;
}

using Engines = TinyModels;

/// Greedy tokens without a cache: the whole sequence again for every token.
std::vector<std::int64_t> naive(const Engine& engine, const chat::Question& question) {
  const c10::InferenceMode inference;
  const models::Model& model = engine.model();
  const Request request = engine.load(question.conversation, {}).value();
  auto prompt = model.render(request.conversation, request.images).value();
  const auto features =
      request.images.empty() ? torch::Tensor() : at::cat(model.encode_images(request.images), 0);
  std::vector<std::int64_t> out;
  while (out.size() < question.how.max_new_tokens) {
    const models::Prompt* const only = &prompt;
    const auto batch = models::collate(model, std::span(&only, 1));
    const auto hidden = model.decoder().forward(batch.inputs(models::embed(model, batch, features)));
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
  Asking asking(open());
  const chat::Image one = picture_file(1);
  const chat::Image other = picture_file(2, 70, 30);
  for (const auto& question :
       {asked({"Hello"}), asked({one, "What is it?"}), asked({one, other, "Which is older?"}),
        asked({"Look: ", other, " What is it?"}), asked({"One ", one, " or ", other, "?"})}) {
    const auto reply = asking.ask(question);
    ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_EQ(reply->details->completion_token_ids, naive(asking.executor->engine(), question));
    EXPECT_EQ(reply->text, asking.executor->engine().model().tokenizer().decode(
                               reply->details->completion_token_ids, /*skip_special=*/true));
  }
}

TEST_P(Engines, GuardAndAnswerAgreeWhateverIsAsked) {
  const auto plain = open();
  for (const auto pooling : {models::GuardPooling::last_hidden, models::GuardPooling::projector}) {
    OpenOptions options;
    options.guard = plug_in(plain, pooling);
    Asking asking(open(options));
    const std::vector<chat::Image> files{picture_file(1, 64, 48), picture_file(2, 30, 90)};
    std::vector<taxonomy::Verdict> verdicts;
    for (const auto& file : files) verdicts.push_back(*asking.ask(asked({file}, 0))->verdict);
    EXPECT_GT(difference(verdicts[0], verdicts[1]), 1e-5) << "the pictures differ";
    for (std::size_t i = 0; i < files.size(); ++i) {
      const Engine& engine = asking.executor->engine();
      const auto logits = engine.trace(engine.load(asked({files[i]}).conversation, {}).value())->guard_logits;
      for (std::int64_t k = 0; k < logits.numel(); ++k)
        EXPECT_NEAR(verdicts[i].logits[static_cast<std::size_t>(k)], logits[k].item<float>(), 1e-4);
    }
    for (std::size_t i = 0; i < files.size(); ++i) {
      for (const char* text : {"", "How to use this?", "A much longer question about everything in it."}) {
        EXPECT_EQ(difference(*asking.ask(asked({files[i], text}))->verdict, verdicts[i]), 0);
        EXPECT_LT(difference(*asking.ask(asked({"What: ", files[i], text}))->verdict, verdicts[i]), 1e-5);
      }
    }
    // One by one: each as if it stood alone, whatever stands around it.
    for (auto question : {asked({files[0], files[1], "Which?"}), asked({"Here: ", files[0], files[1]}),
                          asked({files[0], files[1], "Verdicts alone"}, 0)}) {
      question.judge_each_image = true;
      question.conversation.system = "Answer in verse.";
      const auto reply = asking.ask(question).value();
      ASSERT_EQ(reply.image_verdicts.size(), 2U);
      for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(difference(reply.image_verdicts[i], verdicts[i]), 0);
      EXPECT_TRUE(reply.verdict);
    }
    auto single = asked({files[0], "What?"});
    single.judge_each_image = true;
    EXPECT_EQ(difference(asking.ask(single)->image_verdicts.at(0), verdicts[0]), 0);
  }
}

TEST_P(Engines, AProjectorGuardNeverTouchesTheLanguageModel) {
  OpenOptions options;
  options.guard = plug_in(open(), models::GuardPooling::projector);
  options.load.writable = true;
  Asking asking(open(options));
  const chat::Image file = picture_file(5, 64, 48);
  const auto expected = asking.ask(asked({file}, 0))->verdict.value();
  nn::Visitor poison;
  poison.parameter = [](const nn::Parameter& parameter) {
    if (parameter.part == nn::Part::language)
      parameter.floats().fill_(std::numeric_limits<float>::quiet_NaN());
  };
  asking.executor->engine().model().visit(poison);
  const auto verdict = asking.ask(asked({file, "x"}, 0));
  ASSERT_TRUE(verdict) << verdict.error().message();
  EXPECT_EQ(difference(*verdict->verdict, expected), 0);
  struct Ear final : chat::Events {
    void verdict(const taxonomy::Verdict& found) override { heard = found; }
    void text(std::string_view) override {}
    std::optional<taxonomy::Verdict> heard;
  } ear;
  const auto failed = asking.ask(asked({file, "x"}), &ear);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::not_finite);
  EXPECT_TRUE(ear.heard) << "the verdict comes before the decoder runs";
}

TEST_P(Engines, SamplingDependsOnTheSeedAlone) {
  Asking asking(open());
  const auto ids = [&](std::uint64_t seed) {
    auto question = asked({picture_file(1), "What is it?"}, 12);
    question.how.temperature = 1e3;
    question.how.top_p = 0.9;
    question.how.seed = seed;
    return asking.ask(question)->details->completion_token_ids;
  };
  EXPECT_EQ(ids(1), ids(1));
  EXPECT_TRUE(ids(1) != ids(2) || ids(1) != ids(3));
}

TEST_P(Engines, ThreadsAreTheEnginesAlone) {
  const int before = at::get_num_threads();
  OpenOptions options;
  options.threads = before + 1;
  Asking asking(open(options));
  EXPECT_THAT(asking.executor->engine().description(),
              testing::HasSubstr(std::to_string(before + 1) + " threads"));
  ASSERT_TRUE(asking.ask(asked({picture_file(1), "Hi"})));
  EXPECT_EQ(at::get_num_threads(), before);
}

TEST_P(Engines, SayWhatIsFoundAndWhatIsUsed) {
  const std::string said = open().description();
  EXPECT_THAT(said, testing::HasSubstr(" in float32 on "));
  EXPECT_THAT(said, testing::ContainsRegex("processors?, .*; used: [0-9]+ threads?, "));
  EXPECT_THAT(said, testing::EndsWith(std::string(nn::name(nn::vector_set())) + " kernels"));
}

TEST_P(Engines, DoNotComputeInFloat16OnACpu) {
  chat::ModelSettings settings;
  settings.model = folder().string();
  settings.dtype = "float16";
  const auto engine = open_engine(settings);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().kind, ErrorKind::unsupported);
  EXPECT_THAT(engine.error().message(),
              testing::AllOf(testing::HasSubstr("float16"), testing::HasSubstr("float32 or bfloat16")));
  settings.dtype = "bfloat16";
  EXPECT_TRUE(open_engine(settings));
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
  const auto question = asked({picture_file(1), "Hm"}, 20);
  Asking whole(open());
  const std::size_t tokens = whole.ask(question)->details->prompt_token_ids.size();
  for (const std::size_t room : {0U, 1U, 4U}) {
    auto engine = with_context(folder(), tokens + room);
    ASSERT_TRUE(engine) << engine.error().message();
    Asking asking(*std::move(engine));
    const auto reply = asking.ask(question);
    ASSERT_TRUE(reply) << reply.error().message();
    const auto& ids = reply->details->completion_token_ids;
    EXPECT_LE(ids.size(), room);
    EXPECT_TRUE(reply->finish_reason == "stop" || ids.size() == room);
    EXPECT_TRUE(reply->finish_reason == "length" || room > 0);
  }
  Asking shorter(with_context(folder(), tokens - 1).value());
  const auto refused = shorter.ask(question);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::too_large);
  EXPECT_THAT(refused.error().message(),
              testing::AllOf(testing::HasSubstr("max_position_embeddings " + std::to_string(tokens - 1)),
                             testing::HasSubstr("found " + std::to_string(tokens))));
  // For the verdict alone only the images are read, and by a guard that pools hidden states.
  const auto verdict_alone = asked({picture_file(1), "Hm"}, 0);
  EXPECT_TRUE(shorter.ask(verdict_alone));
  Asking shortest(with_context(folder(), 5).value());
  EXPECT_EQ(shortest.ask(verdict_alone).has_value(),
            shortest.executor->engine().pools(models::GuardPooling::projector));
  const Engine tiny = with_context(folder(), 5).value();
  EXPECT_TRUE(tiny.trace(tiny.load(question.conversation, {}).value())) << "a trace has any length";
}

INSTANTIATE_TEST_SUITE_P(All, Engines, testing::ValuesIn(family_names()), test_name);

}  // namespace
}  // namespace holisafe::engine
