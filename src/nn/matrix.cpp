#include "nn/matrix.h"

#include <utility>

#include <ATen/autocast_mode.h>

#include "nn/row_product.h"
#include "nn/stored_gradient.h"

namespace holisafe::nn {
namespace {

bool casts_itself(const torch::Tensor& x) { return at::autocast::is_autocast_enabled(x.device().type()); }

/// Whether kernels of ours may stand in for LibTorch's, which know gradients and autocast.
bool only_values_wanted(const torch::Tensor& x) { return !at::GradMode::is_enabled() && !casts_itself(x); }

}  // namespace

torch::Tensor shaped(at::IntArrayRef sizes) {
  return at::empty(sizes, torch::TensorOptions().device(torch::kMeta).dtype(torch::kFloat32));
}

torch::Tensor in_type_of(const torch::Tensor& x, const torch::Tensor& weight) {
  return !weight.defined() || casts_itself(x) ? weight : weight.to(x.scalar_type());
}

torch::Tensor product(const torch::Tensor& x, const torch::Tensor& weight, Rows rows) {
  if (rows == Rows::together || !x.is_cpu() || !only_values_wanted(x))
    return at::linear(x, in_type_of(x, weight));
  auto sizes = x.sizes().vec();
  sizes.back() = weight.size(0);
  return multiply_rows(x.reshape({-1, weight.size(1)}).contiguous(), weight.contiguous()).view(sizes);
}

Matrix::Matrix(torch::Tensor values, VectorSet set)
    : values_(std::move(values)), product_(values_.defined() ? stored_product(values_, set) : nullptr) {}

Matrix Matrix::shaped(std::int64_t rows, std::int64_t columns) { return nn::shaped({rows, columns}); }

torch::Tensor Matrix::multiply(const torch::Tensor& x, const torch::Tensor& bias, Rows rows) const {
  const torch::Tensor added = in_type_of(x, bias);
  const bool is_stored = product_ != nullptr && x.scalar_type() == torch::kFloat32 && !casts_itself(x);
  const bool as_stored = is_stored && (only_values_wanted(x) || !learns());
  if (rows == Rows::together && !as_stored) return at::linear(x, in_type_of(x, values_), added);
  const torch::Tensor y = rows == Rows::apart     ? product(x, values_, rows)
                          : only_values_wanted(x) ? product_(x, values_)
                                                  : product_with_gradient(product_, x, values_);
  return added.defined() ? y + added : y;
}

torch::Tensor Matrix::float_copy() const { return nn::float_copy(values_); }

torch::Tensor Matrix::look_up(const torch::Tensor& ids) const { return at::embedding(values_, ids); }

torch::Tensor float_copy(const torch::Tensor& tensor) {
  return tensor.detach().to(torch::kFloat32, /*non_blocking=*/false, /*copy=*/true,
                            at::MemoryFormat::Contiguous);
}

}  // namespace holisafe::nn
