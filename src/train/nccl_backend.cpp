#ifdef HOLISAFE_NCCL
#define USE_C10D_NCCL
#endif
#include "train/nccl_backend.h"

#ifdef HOLISAFE_NCCL
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

namespace holisafe::train {

c10::intrusive_ptr<c10d::Backend> make_nccl_backend(const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                                    int world_size) {
#ifdef HOLISAFE_NCCL
  const auto own = c10::make_intrusive<c10d::PrefixStore>("nccl", store);
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(own, rank, world_size);
#else
  static_cast<void>(store);
  static_cast<void>(rank);
  static_cast<void>(world_size);
  return {};
#endif
}

}  // namespace holisafe::train
