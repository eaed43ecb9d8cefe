#include "train/process_group.h"

#include <csignal>
#include <cstdlib>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
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

/// A socket that listens on a port which the system chose.
struct Listening {
  Listening() : socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket, plain, size), 0);
    EXPECT_EQ(::listen(socket, 8), 0);
    EXPECT_EQ(::getsockname(socket, plain, &size), 0);
    port = ::ntohs(address.sin_port);
  }
  int socket;
  int port = 0;
};

Rank local_rank(int rank, const Listening& store) {
  return {.rank = rank,
          .world_size = 2,
          .local_rank = rank,
          .address = "127.0.0.1",
          .port = store.port,
          .listening = rank == 0 ? std::optional(store.socket) : std::nullopt};
}

TEST(ProcessGroup, SumsOverProcessesAndNoticesADeadOne) {
  const Listening store;
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(store.socket);
    auto group = join(local_rank(1, store));
    torch::Tensor values = torch::full({3}, 2.0F);
    const bool fine = group && (*group)->all_reduce(values) && values[0].item<float>() == 3.0F;
    ::kill(::getpid(), fine ? SIGKILL : SIGTERM);
  }
  auto group = join(local_rank(0, store));
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
