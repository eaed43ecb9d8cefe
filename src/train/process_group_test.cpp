#include "train/process_group.h"

#include <csignal>
#include <cstdlib>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace holisafe::train {
namespace {

TEST(RankFromEnvironment, ReadsTheLaunchersVariables) {
  ::setenv("WORLD_SIZE", "2", 1);
  ::setenv("RANK", "2", 1);
  auto rank = rank_from_environment();
  ASSERT_FALSE(rank);
  EXPECT_EQ(rank.error().kind, ErrorKind::out_of_range);
  EXPECT_EQ(rank.error().where, "RANK");
  ::setenv("RANK", "one", 1);
  EXPECT_EQ(rank_from_environment().error().kind, ErrorKind::malformed);
  ::setenv("RANK", "1", 1);
  ::setenv("MASTER_PORT", "29501", 1);
  EXPECT_EQ(rank_from_environment().error().where, "MASTER_ADDR");
  ::setenv("MASTER_ADDR", "127.0.0.1", 1);
  rank = rank_from_environment();
  ASSERT_TRUE(rank);
  EXPECT_EQ(rank->rank, 1);
  EXPECT_EQ(rank->port, 29501);
  ::unsetenv("WORLD_SIZE");
  EXPECT_EQ(rank_from_environment()->world_size, 1);
}

/// Runs `body(rank)` in a child process of its own for every rank but 0, which runs here; gives the children.
Rank local_rank(int rank, int world_size, int port) {
  return {.rank = rank, .world_size = world_size, .local_rank = rank, .address = "127.0.0.1", .port = port};
}

TEST(ProcessGroup, SumsOverProcessesAndNoticesADeadOne) {
  const int port = 20000 + static_cast<int>(::getpid() % 12000);  // below the ports that systems hand out
  const pid_t child = ::fork();
  if (child == 0) {
    auto group = join(local_rank(1, 2, port));
    torch::Tensor values = torch::full({3}, 2.0F);
    const bool fine = group && (*group)->all_reduce(values) && values[0].item<float>() == 3.0F;
    ::kill(::getpid(), fine ? SIGKILL : SIGTERM);
  }
  auto group = join(local_rank(0, 2, port));
  ASSERT_TRUE(group) << group.error().message();
  torch::Tensor values = torch::full({3}, 1.0F);
  ASSERT_TRUE((*group)->all_reduce(values));
  EXPECT_EQ(values[2].item<float>(), 3.0F);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  const auto lost = (*group)->all_reduce(values);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind, ErrorKind::network);
}

}  // namespace
}  // namespace holisafe::train
