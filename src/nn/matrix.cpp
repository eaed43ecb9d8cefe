#include "nn/matrix.h"

#include <utility>

#include <ATen/autocast_mode.h>

namespace holisafe::nn {
namespace {

bool casts_itself(const torch::Tensor& x) { return at::autocast::is_autocast_enabled(x.device().type()); }

}  // namespace

torch::Tensor shaped(at::IntArrayRef sizes) {
  return at::empty(sizes, torch::TensorOptions().device(torch::kMeta).dtype(torch::kFloat32));
}

torch::Tensor in_type_of(const torch::Tensor& x, const torch::Tensor& weight) {
  return !weight.defined() || casts_itself(x) ? weight : weight.to(x.scalar_type());
}

Matrix::Matrix(torch::Tensor values, VectorSet set)
    : values_(std::move(values)), product_(values_.defined() ? stored_product(values_, set) : nullptr) {}

Matrix Matrix::shaped(std::int64_t rows, std::int64_t columns) { return nn::shaped({rows, columns}); }

torch::Tensor Matrix::multiply(const torch::Tensor& x, const torch::Tensor& bias) const {
  const torch::Tensor added = in_type_of(x, bias);
  const bool as_stored = product_ != nullptr && x.scalar_type() == torch::kFloat32 &&
                         !at::GradMode::is_enabled() && !casts_itself(x);
  if (!as_stored) return at::linear(x, in_type_of(x, values_), added);
  const torch::Tensor y = product_(x, values_);
  return added.defined() ? y.add_(added) : y;
}

torch::Tensor Matrix::float_copy() const { return nn::float_copy(values_); }

torch::Tensor Matrix::look_up(const torch::Tensor& ids) const { return at::embedding(values_, ids); }

torch::Tensor float_copy(const torch::Tensor& tensor) {
  return tensor.detach().to(torch::kFloat32, /*non_blocking=*/false, /*copy=*/true,
                            at::MemoryFormat::Contiguous);
}

}  // namespace holisafe::nn
