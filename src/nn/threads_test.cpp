#include "nn/threads.h"

#include <ctime>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "nn/kernel_test.h"
#include "nn/row_product.h"

namespace holisafe::nn {
namespace {

/// Processor time of the whole program, or of the calling thread.
double processor_seconds(clockid_t of) {
  timespec time{};
  ::clock_gettime(of, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

class Threads : public testing::Test {
 protected:
  void TearDown() override { at::set_num_threads(before_); }
  int before_ = at::get_num_threads();
};

TEST_F(Threads, TakeEachTaskOnce) {
  for (const int threads : {1, 2, 5}) {
    at::set_num_threads(threads);
    for (const std::int64_t count : {0, 1, 3, 1000}) {
      std::vector<std::atomic<int>> taken(static_cast<std::size_t>(count));
      on_threads(count, 4, [&](Tasks& tasks) {
        while (const auto task = tasks.take()) ++taken[static_cast<std::size_t>(*task)];
      });
      for (const auto& times : taken) EXPECT_EQ(times, 1);
    }
  }
}

// Processor time over wall time would say the same on a quiet machine; on a busy one, where every thread
// waits for a processor, only who did how much of the work can be told.
TEST_F(Threads, ShareALargeProduct) {
  if (before_ < 2) GTEST_SKIP() << "one processor, or LibTorch has one thread";
  const torch::NoGradGuard no_grad;
  at::set_num_threads(2);
  const auto weight = random_floats({4096, 4096}, 3).to(torch::kBFloat16);
  const auto x = random_floats({1, 4096}, 4);
  const auto y = multiply_rows(x, weight);
  const double all = processor_seconds(CLOCK_PROCESS_CPUTIME_ID);
  const double own = processor_seconds(CLOCK_THREAD_CPUTIME_ID);
  for (int i = 0; i < 50; ++i) multiply_rows(x, weight);
  const double all_took = processor_seconds(CLOCK_PROCESS_CPUTIME_ID) - all;
  const double own_took = processor_seconds(CLOCK_THREAD_CPUTIME_ID) - own;
  EXPECT_GT(all_took / own_took, 1.2) << "processor time over what the calling thread had of it";
  EXPECT_LT(all_took / own_took, 6.0) << "who waits for work must not take a processor from who does it";
  at::set_num_threads(1);
  EXPECT_TRUE(at::equal(multiply_rows(x, weight), y)) << "how many threads there are makes no difference";
}

TEST_F(Threads, AreThoseOfOneOpenMpRuntime) {
  on_threads(2, 2, [](Tasks& tasks) {
    while (tasks.take()) continue;
  });
  std::set<std::string> runtimes;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const std::string file = line.substr(std::min(line.size(), line.rfind('/') + 1));
    for (const char* runtime : {"libgomp", "libomp", "libiomp"}) {
      if (file.starts_with(runtime)) runtimes.insert(line.substr(line.find('/')));
    }
  }
  EXPECT_EQ(runtimes.size(), 1U) << testing::PrintToString(runtimes);
}

}  // namespace
}  // namespace holisafe::nn
