// The processes of one training run: c10d (gloo on the CPU, NCCL on CUDA where the program has it) over the
// sockets that RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT name, so that torchrun --no-python, Slurm and
// Kubernetes launchers start it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "nn/tensor.h"

namespace holisafe::train {

/// Which process this is.
struct Rank {
  int rank = 0;
  int world_size = 1;
  int local_rank = 0;  ///< which device of this machine
  std::string address;
  int port = 0;
  std::optional<int> listening;  ///< of rank 0: a socket that listens on `port` already; taken over
};

/// Reads RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT; one process when WORLD_SIZE is absent
/// or 1. Errors: missing, malformed, out_of_range, each naming the variable.
Result<Rank> rank_from_environment();

/// Sums over all processes. Every process makes the same calls in the same order; from one thread.
class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;
  [[nodiscard]] virtual const Rank& rank() const = 0;
  [[nodiscard]] bool is_main() const { return rank().rank == 0; }

  /// Where tensors of a device are summed: there, or on the CPU.
  [[nodiscard]] virtual torch::Device device_for(torch::Device device) const = 0;

  /// Sums `tensor` (contiguous, on a device that device_for gives) over all processes in place. Error
  /// network: another process died or hung; found within a minute.
  virtual Result<void> all_reduce(torch::Tensor& tensor) = 0;

  /// Waits until every process is here. Error network as above.
  Result<void> barrier();
};

/// Meets the other processes at MASTER_ADDR, where rank 0 listens and on no other address of its machine
/// (under torchrun, the launcher does), and makes the group; without others a group of one that needs no
/// sockets. Nothing is encrypted: whoever reaches the port can read and write what the processes say to each
/// other. Errors: network, timeout.
Result<std::unique_ptr<ProcessGroup>> join(const Rank& rank);

}  // namespace holisafe::train
