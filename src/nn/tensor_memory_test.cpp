#include "nn/tensor_memory.h"

#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "nn/tensor.h"

namespace holisafe::nn {
namespace {

constexpr std::int64_t floats_of_a_mebibyte = std::int64_t{1} << 18;

at::Tensor tensor_of(std::int64_t mebibytes) {
  return at::empty({mebibytes * floats_of_a_mebibyte}, at::kFloat);
}

class TensorMemory : public testing::Test {
 protected:
  static void SetUpTestSuite() { reuse_tensor_memory(); }
};

TEST_F(TensorMemory, AFreedBlockServesTheNextTensorOfAboutItsSize) {
  const void* first = nullptr;
  {
    const auto tensor = tensor_of(20).fill_(1);
    first = tensor.data_ptr();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 64, 0U);
  }
  EXPECT_EQ(tensor_of(18).data_ptr(), first);
  EXPECT_NE(tensor_of(21).data_ptr(), first) << "larger than the block";
  EXPECT_NE(tensor_of(10).data_ptr(), first) << "half of the block would lie idle";
  EXPECT_EQ(tensor_of(20).data_ptr(), first);
}

TEST_F(TensorMemory, KeepsNoMoreThanItsBound) {
  {
    std::vector<at::Tensor> many;
    for (int number = 0; number < 10; ++number) many.push_back(tensor_of(30 + number));
  }
  EXPECT_LE(kept_tensor_memory(), kept_tensor_bytes);
  EXPECT_GT(kept_tensor_memory(), kept_tensor_bytes / 2);
  { const auto larger_than_all = tensor_of(200); }
  EXPECT_EQ(kept_tensor_memory(), 0U) << "it pushes the others out, and then does not fit itself";
}

TEST_F(TensorMemory, SmallOnesAreNotConcerned) {
  const std::size_t before = kept_tensor_memory();
  { const auto small = at::empty({floats_of_a_mebibyte - 1}, at::kFloat); }
  EXPECT_EQ(kept_tensor_memory(), before);
}

TEST_F(TensorMemory, TensorsOfManyThreadsAreApart) {
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([number] {
      for (int round = 0; round < 200; ++round) {
        const auto one = at::full({floats_of_a_mebibyte + round}, number, at::kFloat);
        const auto other = at::full({floats_of_a_mebibyte + round}, -number, at::kFloat);
        ASSERT_TRUE(one.eq(number).all().item<bool>());
        ASSERT_TRUE(other.eq(-number).all().item<bool>());
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST_F(TensorMemory, WhatNoMachineHasIsAnError) {
  EXPECT_ANY_THROW(at::empty({std::int64_t{1} << 50}, at::kFloat));
}

}  // namespace
}  // namespace holisafe::nn
