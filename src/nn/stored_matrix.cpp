#include "nn/stored_matrix.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>

#include <ATen/TensorIterator.h>
#include <cpuid.h>
#include <immintrin.h>

namespace holisafe::nn {
namespace {

/// Up to so many rows of x the products are memory bound: each weight is read once and widened in registers.
constexpr std::int64_t few_rows = 8;
/// Beyond, this many floats of the weight are widened at a time, to stay in cache for the matrix product.
constexpr std::int64_t piece_floats = std::int64_t{1} << 22;
/// A thread takes no fewer numbers of the weight than these: waking another one costs as long as reading
/// them.
constexpr std::int64_t thread_numbers = std::int64_t{1} << 17;

using Bits = std::uint16_t;

// The numbers of a weight row, eight or sixteen at a time, as floats.
struct Float16 {
  __attribute__((target("avx2,f16c,fma"))) static __m256 eight(const Bits* from) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
  __attribute__((target("avx512f"))) static __m512 sixteen(const Bits* from) {
    // Masked by nothing: GCC 12 warns of the plain one's undefined source (GCC bug 105593).
    return _mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  static float one(Bits bits) { return c10::detail::fp16_ieee_to_fp32_value(bits); }
};

struct BFloat16 {
  __attribute__((target("avx2,f16c,fma"))) static __m256 eight(const Bits* from) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }
  __attribute__((target("avx512f"))) static __m512 sixteen(const Bits* from) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    const __m512i low = _mm512_maskz_cvtepu16_epi32(0xffff, bits);
    return _mm512_castsi512_ps(_mm512_maskz_slli_epi32(0xffff, low, 16));
  }
  static float one(Bits bits) { return c10::detail::f32_from_bits(bits); }
};

template <class Number, int Rows>
void add_rest(const Bits* weight, const float* x, std::int64_t stride, std::int64_t begin, std::int64_t size,
              float* out) {
  for (std::int64_t i = begin; i < size; ++i) {
    for (int row = 0; row < Rows; ++row) out[row] += Number::one(weight[i]) * x[row * stride + i];
  }
}

/// Dot products of one weight row with `Rows` rows of x, `stride` floats apart.
template <class Number, int Rows>
__attribute__((target("avx2,f16c,fma"))) void dot_avx2(const Bits* weight, const float* x,
                                                       std::int64_t stride, std::int64_t size, float* out) {
  __m256 sums[Rows][2];
  for (auto& sum : sums) sum[0] = sum[1] = _mm256_setzero_ps();
  std::int64_t i = 0;
  for (; i + 16 <= size; i += 16) {
    const __m256 low = Number::eight(weight + i);
    const __m256 high = Number::eight(weight + i + 8);
    for (int row = 0; row < Rows; ++row) {
      sums[row][0] = _mm256_fmadd_ps(low, _mm256_loadu_ps(x + row * stride + i), sums[row][0]);
      sums[row][1] = _mm256_fmadd_ps(high, _mm256_loadu_ps(x + row * stride + i + 8), sums[row][1]);
    }
  }
  for (int row = 0; row < Rows; ++row) {
    std::array<float, 8> lanes{};
    _mm256_storeu_ps(lanes.data(), _mm256_add_ps(sums[row][0], sums[row][1]));
    out[row] = std::accumulate(lanes.begin(), lanes.end(), 0.0F);
  }
  add_rest<Number, Rows>(weight, x, stride, i, size, out);
}

template <class Number, int Rows>
__attribute__((target("avx512f"))) void dot_avx512(const Bits* weight, const float* x, std::int64_t stride,
                                                   std::int64_t size, float* out) {
  __m512 sums[Rows][2];
  for (auto& sum : sums) sum[0] = sum[1] = _mm512_setzero_ps();
  std::int64_t i = 0;
  for (; i + 32 <= size; i += 32) {
    const __m512 low = Number::sixteen(weight + i);
    const __m512 high = Number::sixteen(weight + i + 16);
    for (int row = 0; row < Rows; ++row) {
      sums[row][0] = _mm512_fmadd_ps(low, _mm512_loadu_ps(x + row * stride + i), sums[row][0]);
      sums[row][1] = _mm512_fmadd_ps(high, _mm512_loadu_ps(x + row * stride + i + 16), sums[row][1]);
    }
  }
  for (int row = 0; row < Rows; ++row) {
    std::array<float, 16> lanes{};
    _mm512_storeu_ps(lanes.data(), _mm512_add_ps(sums[row][0], sums[row][1]));
    out[row] = std::accumulate(lanes.begin(), lanes.end(), 0.0F);
  }
  add_rest<Number, Rows>(weight, x, stride, i, size, out);
}

/// Calls `part(begin, end)` for parts of the elements of `line` (contiguous, float32) on LibTorch's threads.
/// Through an iterator over them: at::parallel_for is a template that runs on one thread wherever the program
/// itself is not compiled with OpenMP, and an iterator's loop is the library's own.
template <class Part>
void on_threads(const torch::Tensor& line, std::int64_t least, const Part& part) {
  const auto* first = line.const_data_ptr<float>();
  auto elements = at::TensorIterator::borrowing_nullary_op(line);
  const auto loop = [&](char** data, const std::int64_t*, std::int64_t count, std::int64_t times) {
    const std::int64_t begin = reinterpret_cast<const float*>(data[0]) - first;
    part(begin, begin + count * times);
  };
  elements.for_each(at::TensorIteratorBase::loop2d_t(loop), least);
}

/// One chunk: `Rows` rows of x with every row of the weight.
template <class Number, VectorSet set, int Rows>
void multiply_rows(const float* x, const torch::Tensor& weight, const torch::Tensor& out) {
  constexpr auto product = set == VectorSet::avx512 ? dot_avx512<Number, Rows> : dot_avx2<Number, Rows>;
  const std::int64_t features = weight.size(0);
  const std::int64_t in = weight.size(1);
  const auto* bits = static_cast<const Bits*>(weight.const_data_ptr());
  auto* results = out.mutable_data_ptr<float>();
  const std::int64_t least = std::max(std::int64_t{1}, thread_numbers / std::max(std::int64_t{1}, in));
  on_threads(out[0], least, [&](std::int64_t begin, std::int64_t end) {
    std::array<float, Rows> sums{};
    for (std::int64_t feature = begin; feature < end; ++feature) {
      product(bits + feature * in, x, in, in, sums.data());
      for (int row = 0; row < Rows; ++row)
        results[row * features + feature] = sums[static_cast<std::size_t>(row)];
    }
  });
}

/// [rows, in] x [features, in]^T, four rows at a time.
template <class Number, VectorSet set>
torch::Tensor multiply_few(const torch::Tensor& x, const torch::Tensor& weight) {
  auto out = at::empty({x.size(0), weight.size(0)}, x.options());
  std::int64_t row = 0;
  const auto chunk = [&](auto multiply, std::int64_t rows) {
    multiply(x.const_data_ptr<float>() + row * weight.size(1), weight, out.narrow(0, row, rows));
    row += rows;
  };
  while (x.size(0) - row >= 4) chunk(multiply_rows<Number, set, 4>, 4);
  if (x.size(0) - row >= 2) chunk(multiply_rows<Number, set, 2>, 2);
  if (x.size(0) - row >= 1) chunk(multiply_rows<Number, set, 1>, 1);
  return out;
}

torch::Tensor multiply_many(const torch::Tensor& x, const torch::Tensor& weight) {
  const std::int64_t features = weight.size(0);
  const std::int64_t step =
      std::clamp(piece_floats / std::max(std::int64_t{1}, weight.size(1)), std::int64_t{1}, features);
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
template <class Number, VectorSet set>
torch::Tensor multiply(const torch::Tensor& x, const torch::Tensor& weight) {
  const auto rows = x.reshape({-1, weight.size(1)}).contiguous();
  auto sizes = x.sizes().vec();
  sizes.back() = weight.size(0);
  if constexpr (set != VectorSet::none) {
    if (rows.size(0) <= few_rows) return multiply_few<Number, set>(rows, weight).view(sizes);
  }
  return multiply_many(rows, weight).view(sizes);
}

template <class Number>
StoredProduct product_of(VectorSet set) {
  switch (set) {
    case VectorSet::avx512:
      return multiply<Number, VectorSet::avx512>;
    case VectorSet::avx2:
      return multiply<Number, VectorSet::avx2>;
    case VectorSet::none:
      break;
  }
  return multiply<Number, VectorSet::none>;
}

/// Clang 14's __builtin_cpu_supports does not know this word.
bool has_f16c() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

}  // namespace

VectorSet vector_set() {
  static const VectorSet best = [] {
    if (__builtin_cpu_supports("avx512f")) return VectorSet::avx512;
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    return avx2 ? VectorSet::avx2 : VectorSet::none;
  }();
  return best;
}

StoredProduct stored_product(const torch::Tensor& weight, VectorSet set) {
  if (!weight.is_cpu() || !weight.is_contiguous()) return nullptr;
  if (weight.scalar_type() == torch::kFloat16) return product_of<Float16>(set);
  if (weight.scalar_type() == torch::kBFloat16) return product_of<BFloat16>(set);
  return nullptr;
}

}  // namespace holisafe::nn
