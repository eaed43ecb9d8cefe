#include "train/process_group.h"

#define USE_C10D_GLOO
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <vector>

#include <fmt/format.h>

#include "train/meeting_socket.h"
#include "train/nccl_backend.h"

namespace holisafe::train {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto meeting_timeout = 300s;  ///< for all processes to start
constexpr auto hang_timeout = 24h;      ///< of one collective; the heartbeats below find the dead long before
constexpr auto heartbeat_period = 3s;
constexpr auto silence_limit = 30s;  ///< a process without a heartbeat for so long is taken for dead

Result<int> variable(const char* name, std::optional<int> absent, int low, int high) {
  const char* text = std::getenv(name);
  if (text == nullptr) {
    if (absent) return *absent;
    return fail(ErrorKind::missing, "cannot join the other processes", name,
                "expected this environment variable, not set");
  }
  int value = 0;
  const auto [end, error] = std::from_chars(text, text + std::strlen(text), value);
  if (error != std::errc() || *end != '\0') {
    return fail(ErrorKind::malformed, "cannot join the other processes", name,
                fmt::format("expected a number, found \"{}\"", text));
  }
  if (value < low || value > high) {
    return fail(ErrorKind::out_of_range, "cannot join the other processes", name,
                fmt::format("expected {} to {}, found {}", low, high, value));
  }
  return value;
}

/// First line of a LibTorch exception, without its stack.
std::string first_line(const std::exception& exception) {
  const std::string text = exception.what();
  return text.substr(0, text.find('\n'));
}

Error lost(std::string detail) {
  return {ErrorKind::network, "another process of this run died or cannot be reached", "", std::move(detail)};
}

/// Threads made while one of these lives get an error, not SIGPIPE, when they write to a process that died:
/// neither gloo nor the store asks its sockets for that.
class SigpipeBlock {
 public:
  SigpipeBlock() {
    sigset_t pipe;
    ::sigemptyset(&pipe);
    ::sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, &before_);
  }
  SigpipeBlock(const SigpipeBlock&) = delete;
  SigpipeBlock& operator=(const SigpipeBlock&) = delete;
  ~SigpipeBlock() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

class Alone final : public ProcessGroup {
 public:
  const Rank& rank() const override { return rank_; }
  torch::Device device_for(torch::Device device) const override { return device; }
  Result<void> all_reduce(torch::Tensor&) override { return {}; }

 private:
  Rank rank_;
};

/// Says through the store that this process lives, and watches that the others do.
class Heartbeats {
 public:
  Heartbeats(c10::intrusive_ptr<c10d::Store> store, const Rank& rank)
      : store_(std::move(store)), rank_(rank), seen_(static_cast<std::size_t>(rank.world_size)) {
    store_->setTimeout(silence_limit);
    thread_ = std::thread([this] { run(); });
  }
  ~Heartbeats() {
    {
      std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  /// Names a process that has been silent for too long, if any.
  std::optional<std::string> dead() {
    std::scoped_lock lock(mutex_);
    return dead_;
  }

 private:
  struct Seen {
    std::string word;  ///< what the process wrote last
    Clock::time_point at = Clock::now();
  };

  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_ && !dead_) {
      lock.unlock();
      std::optional<std::string> found = beat();
      lock.lock();
      if (!stopping_) dead_ = std::move(found);
      wake_.wait_for(lock, heartbeat_period, [this] { return stopping_; });
    }
  }

  /// A process lives as long as its word in the store changes. What the word is does not matter, so that
  /// nothing that stands there can end a run.
  std::optional<std::string> beat() {
    try {
      store_->set(key(rank_.rank), std::to_string(++beats_));
      for (int other = 0; other < rank_.world_size; ++other) {
        if (other == rank_.rank) continue;
        Seen& seen = seen_[static_cast<std::size_t>(other)];
        std::string word = store_->check({key(other)}) ? store_->get_to_str(key(other)) : std::string();
        if (word != seen.word) seen = {std::move(word), Clock::now()};
        if (Clock::now() - seen.at > silence_limit) {
          return fmt::format("rank {} gave no sign of life for {} s", other,
                             std::chrono::seconds(silence_limit).count());
        }
      }
    } catch (const std::exception& exception) {
      return "the store of rank 0 is gone: " + first_line(exception);
    }
    return std::nullopt;
  }

  static std::string key(int rank) { return fmt::format("alive/{}", rank); }

  c10::intrusive_ptr<c10d::Store> store_;
  Rank rank_;
  std::vector<Seen> seen_;  // of the thread alone
  std::int64_t beats_ = 0;  // of the thread alone
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::optional<std::string> dead_;
  std::thread thread_;
};

/// Gloo for tensors on the CPU, NCCL for those on CUDA devices where this program has it.
class Peers final : public ProcessGroup {
 public:
  Peers(const Rank& rank, const c10::intrusive_ptr<c10d::Store>& store) : rank_(rank) {
    auto options = c10d::ProcessGroupGloo::Options::create(hang_timeout);
    const bool local = rank.address == "localhost" || rank.address.starts_with("127.");
    options->devices.push_back(local ? c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                                     : c10d::ProcessGroupGloo::createDefaultDevice());
    gloo_ = c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank.rank, rank.world_size, options);
    nccl_ = make_nccl_backend(store, rank.rank, rank.world_size);
    heartbeats_ = std::make_unique<Heartbeats>(store->clone(), rank);
  }

  const Rank& rank() const override { return rank_; }
  torch::Device device_for(torch::Device device) const override {
    return device.is_cuda() && nccl_ ? device : torch::Device(torch::kCPU);
  }

  Result<void> all_reduce(torch::Tensor& tensor) override {
    try {
      std::vector<torch::Tensor> tensors{tensor};
      return tensor.is_cuda() && nccl_ ? wait_for_nccl(*nccl_->allreduce(tensors))
                                       : wait_for_gloo(*gloo_->allreduce(tensors));
    } catch (const std::exception& exception) {
      return abandon(first_line(exception));
    }
  }

 private:
  Result<void> wait_for_gloo(c10d::Work& work) {
    while (true) {
      try {
        work.wait(1000ms);
        return {};
      } catch (const std::exception& exception) {
        if (work.isCompleted()) return abandon(first_line(exception));
        if (auto dead = heartbeats_->dead()) return abandon(*std::move(dead));
      }
    }
  }

  /// NCCL's wait() only orders streams: the device is asked whether it has finished, so that a death is seen.
  Result<void> wait_for_nccl(c10d::Work& work) {
    while (!work.isCompleted()) {
      if (auto dead = heartbeats_->dead()) return abandon(*std::move(dead));
      std::this_thread::sleep_for(100us);
    }
    work.wait();
    return {};
  }

  /// The groups' threads may wait for the dead process for hours; they are left behind, as this process ends
  /// too.
  Result<void> abandon(std::string why) {
    gloo_.release();
    nccl_.release();
    return fail(lost(std::move(why)));
  }

  Rank rank_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo_;
  c10::intrusive_ptr<c10d::Backend> nccl_;
  std::unique_ptr<Heartbeats> heartbeats_;
};

}  // namespace

Result<Rank> rank_from_environment() {
  Rank rank;
  HOLISAFE_TRY(rank.world_size, variable("WORLD_SIZE", 1, 1, 1 << 20));
  if (rank.world_size == 1) return rank;
  HOLISAFE_TRY(rank.rank, variable("RANK", std::nullopt, 0, rank.world_size - 1));
  HOLISAFE_TRY(rank.local_rank, variable("LOCAL_RANK", 0, 0, rank.world_size - 1));
  HOLISAFE_TRY(rank.port, variable("MASTER_PORT", std::nullopt, 1, 65535));
  const char* address = std::getenv("MASTER_ADDR");
  if (address == nullptr) {
    return fail(ErrorKind::missing, "cannot join the other processes", "MASTER_ADDR",
                "expected this environment variable, not set");
  }
  rank.address = address;
  return rank;
}

Result<void> ProcessGroup::barrier() {
  torch::Tensor nothing = torch::zeros({1});
  return all_reduce(nothing);
}

Result<std::unique_ptr<ProcessGroup>> join(const Rank& rank) {
  if (rank.world_size == 1) return std::make_unique<Alone>();
  const SigpipeBlock block;
  try {
    c10d::TCPStoreOptions options;
    options.port = static_cast<std::uint16_t>(rank.port);
    // torchrun serves a store on MASTER_PORT itself and says so; all processes are then its clients.
    const char* agent = std::getenv("TORCHELASTIC_USE_AGENT_STORE");
    options.isServer = rank.rank == 0 && (agent == nullptr || std::string_view(agent) != "True");
    options.timeout = meeting_timeout;
    options.waitWorkers = false;
    if (options.isServer) {
      // By itself the store would listen on all of the machine's addresses.
      HOLISAFE_TRY(options.masterListenFd,
                   rank.listening ? Result<int>(*rank.listening) : listen_at(rank.address, rank.port));
    }
    const auto store = c10::make_intrusive<c10d::TCPStore>(rank.address, options);
    return std::make_unique<Peers>(rank, store);
  } catch (const std::exception& exception) {
    return fail(ErrorKind::network, "cannot join the other processes",
                fmt::format("{}:{}", rank.address, rank.port), first_line(exception));
  }
}

}  // namespace holisafe::train
