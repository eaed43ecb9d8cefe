// What tests of the kernels share.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "nn/tensor.h"
#include "nn/vector_set.h"

namespace holisafe::nn {

/// Every set of vector instructions that this machine can run, not the best alone.
inline std::vector<VectorSet> sets_here() {
  std::vector<VectorSet> out{VectorSet::none};
  if (vector_set() != VectorSet::none) out.push_back(VectorSet::avx2);
  if (vector_set() == VectorSet::avx512 || vector_set() == VectorSet::amx) out.push_back(VectorSet::avx512);
  if (vector_set() == VectorSet::amx) out.push_back(VectorSet::amx);
  return out;
}

inline torch::Tensor random_floats(at::IntArrayRef sizes, std::uint64_t seed) {
  return at::randn(sizes, at::make_generator<at::CPUGeneratorImpl>(seed),
                   torch::TensorOptions().dtype(torch::kFloat32));
}

/// Largest error of an entry, in units of what rounding its sum of in x `parts` products in any order may
/// cost.
inline double error_in_roundings(const torch::Tensor& y, const torch::Tensor& x, const torch::Tensor& weight,
                                 int parts = 1) {
  const auto wide_x = x.to(torch::kFloat64);
  const auto wide = weight.to(torch::kFloat64);
  const auto size = at::linear(wide_x.abs(), wide.abs());
  const double result = y.scalar_type() == torch::kBFloat16 ? std::ldexp(1.0, -8) : std::ldexp(1.0, -24);
  const auto sums = std::sqrt(static_cast<double>(x.size(1) * parts));
  const auto allowed = size * (sums * std::ldexp(1.0, -24)) + size * result;
  const auto error = (y.to(torch::kFloat64) - at::linear(wide_x, wide)).abs();
  return (error / allowed).max().item<double>();
}

}  // namespace holisafe::nn
