// c10d's NCCL, which sums tensors where they are, on CUDA devices. It is in programs that were built against
// a LibTorch with CUDA whose headers and NCCL's were found (cmake/FindLibTorch.cmake: LibTorch::nccl).
#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace holisafe::train {

/// The backend of this process, which keeps its keys of `store` under a name of its own; null in a program
/// without NCCL. Throws what c10d throws.
c10::intrusive_ptr<c10d::Backend> make_nccl_backend(const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                                    int world_size);

}  // namespace holisafe::train
