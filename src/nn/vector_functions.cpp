#include "nn/vector_functions.h"

#include "nn/tensor.h"

namespace holisafe::nn {

void settle_vector_functions() {
  static const bool settled = at::ones({1}, torch::TensorOptions().dtype(torch::kFloat32)).cos().defined();
  static_cast<void>(settled);
}

}  // namespace holisafe::nn
