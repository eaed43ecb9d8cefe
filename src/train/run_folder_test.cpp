#include "train/run_folder.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "nn/tensor.h"

namespace holisafe::train {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class RunFolderTest : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(path_); }
  void TearDown() override { fs::remove_all(path_); }
  RunState state(std::int64_t step) {
    const auto value = torch::full({2, 2}, static_cast<double>(step), torch::kFloat32);
    return {step,
            {{"w", value}},
            {{"w.exp_avg", value * 0.5}, {"w.step", torch::scalar_tensor(step, torch::kFloat32)}}};
  }
  nlohmann::ordered_json identity_{{"model", "aa"}, {"data", "bb"}, {"flags", {{"lr", 0.1}, {"seed", 1}}}};
  // Tests run in processes of their own, side by side.
  fs::path path_ = fs::path(testing::TempDir()) / fmt::format("holisafe_run_folder_{}", ::getpid());
};

TEST_F(RunFolderTest, KeepsTheNewestAndReadsThemBack) {
  auto folder = RunFolder::open(path_, false, identity_);
  ASSERT_TRUE(folder) << folder.error().message();
  for (const std::int64_t step : {2, 4, 10}) ASSERT_TRUE(folder->save(state(step), 2));
  EXPECT_FALSE(fs::exists(path_ / "checkpoints/step-2"));
  std::vector<std::string> warnings;
  const auto newest = folder->newest(warnings);
  ASSERT_TRUE(newest);
  EXPECT_EQ(newest->step, 10);
  EXPECT_TRUE(torch::equal(newest->trained.at("w"), torch::full({2, 2}, 10.0F)));
  EXPECT_EQ(newest->optimizer.at("w.step").item<float>(), 10.0F);
  EXPECT_TRUE(warnings.empty());
}

TEST_F(RunFolderTest, FallsBackFromATornCheckpointAndNamesIt) {
  auto folder = RunFolder::open(path_, false, identity_);
  ASSERT_TRUE(folder->save(state(1), 9));
  for (const char* file : {"trained.safetensors", "optimizer.safetensors", "checkpoint.json"}) {
    ASSERT_TRUE(folder->save(state(2), 9));
    const fs::path torn = path_ / "checkpoints/step-2" / file;
    fs::resize_file(torn, fs::file_size(torn) - 3);
    std::vector<std::string> warnings;
    EXPECT_EQ(folder->newest(warnings)->step, 1) << file;
    ASSERT_EQ(warnings.size(), 1U);
    EXPECT_THAT(warnings[0], HasSubstr("step-2"));
  }
  ASSERT_TRUE(folder->save(state(2), 9)) << "the torn one is replaced";
  const fs::path flipped = path_ / "checkpoints/step-2/trained.safetensors";
  auto bytes = read_file(flipped).value();
  bytes.back() ^= 1;
  ASSERT_TRUE(write_file_atomic(flipped, bytes));
  std::vector<std::string> warnings;
  EXPECT_EQ(folder->newest(warnings)->step, 1);
}

TEST_F(RunFolderTest, RefusesAnotherRunAndNamesTheDifference) {
  ASSERT_TRUE(RunFolder::open(path_, true, identity_)) << "resume with nothing there starts anew";
  EXPECT_EQ(RunFolder::open(path_, false, identity_).error().kind, ErrorKind::usage);
  EXPECT_TRUE(RunFolder::open(path_, true, identity_));
  for (const auto& [key, where] : {std::pair{"model", "model"}, {"data", "data"}}) {
    auto other = identity_;
    other[key] = "cc";
    EXPECT_EQ(RunFolder::open(path_, true, other).error().where, where);
  }
  auto other = identity_;
  other["flags"]["lr"] = 0.2;
  const auto refused = RunFolder::open(path_, true, other);
  EXPECT_EQ(refused.error().where, "--lr");
  EXPECT_THAT(refused.error().detail, HasSubstr("expected 0.1, found 0.2"));
  auto more = identity_;
  more["flags"]["full"] = true;
  EXPECT_EQ(RunFolder::open(path_, true, more).error().where, "--full");
}

TEST_F(RunFolderTest, LeavesFoldersOfOthersAlone) {
  fs::create_directories(path_);
  ASSERT_TRUE(write_file_atomic(path_ / "notes.txt", "mine"));
  EXPECT_EQ(RunFolder::open(path_, true, identity_).error().kind, ErrorKind::missing);
  EXPECT_EQ(RunFolder::open(path_, false, identity_).error().kind, ErrorKind::usage);
}

}  // namespace
}  // namespace holisafe::train
