// What this layer's tests share: a tiny random checkpoint with a guard of each family, pictures, and a
// scheduler to ask.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/random.h"
#include "engine/engine.h"
#include "engine/executor.h"
#include "guard/file.h"
#include "models/registry/registry.h"
#include "schedule/scheduler.h"

namespace holisafe::engine {

inline image::Image picture(std::uint64_t seed, int width, int height) {
  image::Image out{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(3 * width * height))};
  Random random(seed);
  for (auto& value : out.rgb) value = static_cast<std::uint8_t>(random.next());
  return out;
}

/// The same as a file's bytes.
inline chat::Image picture_file(std::uint64_t seed, int width = 40, int height = 56) {
  return {{}, std::make_shared<const std::string>(image::encode_png(picture(seed, width, height)).value())};
}

inline chat::Question asked(std::vector<chat::Part> parts, unsigned tokens = 8) {
  chat::Generation how;
  how.max_new_tokens = tokens;
  return chat::question_of(std::move(parts), std::move(how));
}

/// Parametrised by a family's name.
class TinyModels : public testing::TestWithParam<std::string> {
 protected:
  static std::filesystem::path root() {
    return std::filesystem::temp_directory_path() / ("holisafe_engine_" + std::to_string(::getpid()));
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(root()); }

  static std::filesystem::path folder() {
    const auto out = root() / GetParam();
    if (!std::filesystem::exists(out / "config.json")) {
      const auto* family = models::family_named(GetParam()).value();
      EXPECT_TRUE(family->synth({"tiny", 11, out, true, {}}));
    }
    return out;
  }

  static Engine open(OpenOptions options = {}) {
    options.model = folder();
    auto engine = Engine::open(options);
    EXPECT_TRUE(engine) << engine.error().message();
    return *std::move(engine);
  }

  /// The checkpoint's guard as a plug-in file that pools otherwise.
  static std::filesystem::path plug_in(const Engine& engine, models::GuardPooling pooling) {
    guard::Guard guard = *engine.guard();
    guard.info().pooling = pooling;
    const auto path = root() / (GetParam() + std::string(guard::name(pooling)) + ".safetensors");
    EXPECT_TRUE(guard::write(guard, path));
    return path;
  }
};

inline std::vector<std::string> family_names() {
  std::vector<std::string> out;
  for (const auto& family : models::families()) out.push_back(family.name);
  return out;
}

inline std::string test_name(const testing::TestParamInfo<std::string>& test) {
  std::string out = test.param;
  for (char& c : out) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return out;
}

/// A scheduler over an engine, and the executor in it.
struct Asking {
  explicit Asking(Engine engine, schedule::Limits limits = {}, const StopFlag* stop = nullptr)
      : executor(std::make_shared<ModelExecutor>(std::move(engine), image::DecodeOptions())),
        scheduler(executor, limits, stop) {}

  /// One question by itself.
  Result<chat::Reply> ask(chat::Question question, chat::Events* events = nullptr) {
    scheduler.submit(0, std::move(question), events);
    while (true) {
      auto replies = scheduler.poll(chat::milliseconds(1000));
      if (!replies.empty()) return std::move(replies.front().second);
    }
  }

  std::shared_ptr<ModelExecutor> executor;
  schedule::Scheduler scheduler;
};

}  // namespace holisafe::engine
