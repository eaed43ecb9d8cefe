#include "train/process_group.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "train/meeting_socket.h"

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

/// The port of a socket.
int port_of(int socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ::ntohs(address.sin_port);
}

/// A socket that listens on a port which the system chose.
struct Listening {
  int socket = listen_at("127.0.0.1", 0).value();
  int port = port_of(socket);
};

bool takes_connections(const char* address, int port) {
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_port = ::htons(static_cast<std::uint16_t>(port));
  EXPECT_EQ(::inet_pton(AF_INET, address, &place.sin_addr), 1);
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected = ::connect(socket, reinterpret_cast<sockaddr*>(&place), sizeof place) == 0;
  ::close(socket);
  return connected;
}

TEST(MeetingSocket, ListensAtItsAddressAlone) {
  const Listening meeting;
  EXPECT_TRUE(takes_connections("127.0.0.1", meeting.port));
  EXPECT_FALSE(takes_connections("127.0.0.2", meeting.port));
  const auto taken = listen_at("127.0.0.1", meeting.port);
  ASSERT_FALSE(taken);
  EXPECT_NE(taken.error().message().find("MASTER_PORT " + std::to_string(meeting.port)), std::string::npos);
  EXPECT_TRUE(listen_at("localhost", 0));
  const auto foreign = listen_at("203.0.113.1", 0);  // kept for documentation: nobody's
  ASSERT_FALSE(foreign);
  EXPECT_NE(foreign.error().message().find("MASTER_ADDR 203.0.113.1"), std::string::npos);
  EXPECT_EQ(listen_at("no-such-host.invalid", 0).error().kind, ErrorKind::network);
  ::close(meeting.socket);
}

Rank local_rank(int rank, const Listening& store) {
  return {.rank = rank,
          .world_size = 2,
          .local_rank = rank,
          .address = "127.0.0.1",
          .port = store.port,
          .listening = rank == 0 ? std::optional(store.socket) : std::nullopt};
}

/// Writes what is no heartbeat, as anybody who reaches the store can.
void spoil_heartbeats(int port) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(port);
  options.waitWorkers = false;
  c10d::TCPStore store("127.0.0.1", options);
  for (const char* key : {"alive/0", "alive/1"}) store.set(key, std::vector<std::uint8_t>{'x', 0, 0xff});
}

TEST(ProcessGroup, SumsOverProcessesAndNoticesADeadOneAlone) {
  const Listening store;
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(store.socket);
    auto group = join(local_rank(1, store));
    torch::Tensor values = torch::full({3}, 2.0F);
    bool fine = group && (*group)->all_reduce(values) && values[0].item<float>() == 3.0F;
    fine = fine && (*group)->barrier();
    ::kill(::getpid(), fine ? SIGKILL : SIGTERM);
  }
  auto group = join(local_rank(0, store));
  ASSERT_TRUE(group) << group.error().message();
  torch::Tensor values = torch::full({3}, 1.0F);
  ASSERT_TRUE((*group)->all_reduce(values));
  EXPECT_EQ(values[2].item<float>(), 3.0F);
  spoil_heartbeats(store.port);
  std::this_thread::sleep_for(std::chrono::seconds(5));  // longer than one period
  ASSERT_TRUE((*group)->barrier());
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  const auto lost = (*group)->all_reduce(values);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind, ErrorKind::network);
}

}  // namespace
}  // namespace holisafe::train
