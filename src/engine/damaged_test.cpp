// Checkpoints and adapters of every family with damage in their JSON and in the headers of their weights:
// they answer, or are refused in one line; never a crash, and never long.
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "checkpoint/damaged_copy.h"
#include "engine/engine.h"
#include "engine/tiny_models.h"
#include "models/adapter.h"
#include "models/registry/registry.h"

namespace holisafe::engine {
namespace {

namespace fs = std::filesystem;

class DamagedModels : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const auto* family = models::family_named(GetParam()).value();
    ASSERT_TRUE(family->synth({"tiny", 5, model_, true, {}}));
    options_.model = model_;
    const auto engine = Engine::open(options_);
    ASSERT_TRUE(engine) << engine.error().message();
    models::Adapter adapter;
    adapter.config.rank = 2;
    adapter.config.alpha = 4;
    nn::Visitor visitor;
    visitor.linear = [&](const std::string& name, nn::Linear& linear, nn::Part) {
      if (!name.starts_with("language_model") || !name.ends_with("q_proj")) return;
      adapter.modules[name].a = at::full({2, linear.weight.columns()}, 0.01);
      adapter.modules[name].b = at::full({linear.weight.rows(), 2}, 0.01);
    };
    engine->model().visit(visitor);
    ASSERT_TRUE(models::write_adapter(adapter_, adapter));
    options_.adapter = adapter_;
  }
  void TearDown() override { fs::remove_all(root_); }

  static void put(const fs::path& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary) << bytes;
  }

  /// One more copy of what is damaged: JSON and templates wholly, of weights the header.
  static std::string damaged(const std::string& bytes, bool weights, std::mt19937& random) {
    std::uint64_t header = 0;
    if (weights) std::memcpy(&header, bytes.data(), sizeof header);
    const std::size_t size = weights ? sizeof header + header : bytes.size();
    return checkpoint::damaged_copy(bytes.substr(0, size), random) + bytes.substr(size);
  }

  template <class T>
  bool check(const Result<T>& found) {
    if (found) return true;
    const std::string message = found.error().message();
    EXPECT_NE(found.error().kind, ErrorKind::internal) << message;
    EXPECT_LE(message.size(), 600U);
    EXPECT_EQ(message.find_first_of("\n\r\x1b"), std::string::npos) << message;
    return false;
  }

  /// Whether two tokens of an answer about a picture came.
  bool answers() {
    auto engine = Engine::open(options_);
    if (!check(engine)) return false;
    Asking asking(*std::move(engine));
    return check(asking.ask(asked({picture_file(3, 60, 40), "What is it?"}, 2)));
  }

  fs::path root_ = fs::temp_directory_path() / ("holisafe_damaged_models_" + std::to_string(::getpid()));
  fs::path model_ = root_ / "model";
  fs::path adapter_ = root_ / "adapter";
  OpenOptions options_;
};

TEST_P(DamagedModels, AnswerOrAreRefused) {
  constexpr int copies = 350;
  std::map<fs::path, std::string> files;
  for (const auto& folder : {model_, adapter_}) {
    for (const auto& entry : fs::directory_iterator(folder))
      files[entry.path()] = read_file(entry.path()).value();
  }
  ASSERT_TRUE(answers());
  std::mt19937 random(13);
  int refused = 0;
  for (int i = 0; i < copies; ++i) {
    const auto place = std::next(files.begin(), static_cast<std::ptrdiff_t>(random() % files.size()));
    const auto& [file, bytes] = *place;
    const std::string copy = damaged(bytes, file.extension() == ".safetensors", random);
    put(file, copy);
    const auto begin = std::chrono::steady_clock::now();
    refused += answers() ? 0 : 1;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(seconds.count(), 5);
    if (HasFailure()) {
      put(fs::temp_directory_path() / file.filename(), copy);
      FAIL() << "copy " << i << " of " << file.filename() << ", now in " << fs::temp_directory_path();
    }
    put(file, bytes);
  }
  EXPECT_GT(refused, copies / 4) << "the damage is none";
  EXPECT_LT(refused, copies) << "nothing is read";
}

INSTANTIATE_TEST_SUITE_P(Families, DamagedModels, testing::ValuesIn([] {
                           std::vector<std::string> names;
                           for (const auto& family : models::families()) names.push_back(family.name);
                           return names;
                         }()),
                         [](const auto& family) { return family.param; });

}  // namespace
}  // namespace holisafe::engine
