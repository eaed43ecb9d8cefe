#include "nn/stored_matrix.h"

#include <algorithm>
#include <cstdint>

#include "nn/row_product.h"
#include "nn/split_product.h"

namespace holisafe::nn {
namespace {

/// Up to so many rows of x, reading each weight once and widening it in registers takes less time than
/// widening it in memory for LibTorch's product: 0.3 of it at 16 rows, as long at a hundred
/// (perf/decode_rows.cpp). Tiles begin to pay off sooner.
constexpr std::int64_t few_rows(VectorSet set) {
  if (set == VectorSet::none) return 8;
  return set == VectorSet::amx ? 16 : 64;
}

torch::Tensor multiply_many(const torch::Tensor& x, const torch::Tensor& weight) {
  const std::int64_t features = weight.size(0);
  const std::int64_t step =
      std::clamp(widened_floats / std::max(std::int64_t{1}, weight.size(1)), std::int64_t{1}, features);
  auto out = at::empty({x.size(0), features}, x.options());
  const auto wide = at::empty({step, weight.size(1)}, x.options());
  for (std::int64_t begin = 0; begin < features; begin += step) {
    const std::int64_t count = std::min(step, features - begin);
    auto piece = wide.narrow(0, 0, count);
    piece.copy_(weight.narrow(0, begin, count));
    auto place = out.narrow(1, begin, count);
    at::mm_out(place, x, piece.t());
  }
  return out;
}

/// A StoredProduct: x is [..., in].
template <VectorSet set>
torch::Tensor multiply_stored(const torch::Tensor& x, const torch::Tensor& weight) {
  const auto rows = x.reshape({-1, weight.size(1)});
  auto sizes = x.sizes().vec();
  sizes.back() = weight.size(0);
  if (rows.size(0) <= few_rows(set)) return multiply_rows(rows, weight, set).view(sizes);
  return (set == VectorSet::amx ? multiply_split(rows.contiguous(), weight) : multiply_many(rows, weight))
      .view(sizes);
}

}  // namespace

StoredProduct stored_product(const torch::Tensor& weight, VectorSet set) {
  if (!weight.is_cpu() || !weight.is_contiguous()) return nullptr;
  if (weight.scalar_type() != torch::kFloat16 && weight.scalar_type() != torch::kBFloat16) return nullptr;
  switch (set) {
    case VectorSet::amx:
      return multiply_stored<VectorSet::amx>;
    case VectorSet::avx512:
      return multiply_stored<VectorSet::avx512>;
    case VectorSet::avx2:
      return multiply_stored<VectorSet::avx2>;
    case VectorSet::none:
      break;
  }
  return multiply_stored<VectorSet::none>;
}

}  // namespace holisafe::nn
