#include "nn/row_product.h"

#include <algorithm>
#include <memory>

#include "nn/row_kernels.h"
#include "nn/threads.h"

namespace holisafe::nn {
namespace {

/// A thread takes no fewer numbers of the weight than these: waking another one costs as long as reading
/// them.
constexpr std::int64_t numbers_a_thread = std::int64_t{1} << 17;

void (*product_kernel(const RowKernels& kernels, torch::ScalarType type))(const ProductPiece&) {
  if (type == torch::kFloat16) return kernels.multiply.float16;
  if (type == torch::kBFloat16) return kernels.multiply.bfloat16;
  TORCH_CHECK(type == torch::kFloat32, "multiply_rows: no kernel for a weight of ", c10::toString(type));
  return kernels.multiply.float32;
}

}  // namespace

torch::Tensor multiply_rows(const torch::Tensor& x, const torch::Tensor& weight, VectorSet set) {
  TORCH_CHECK(x.dim() == 2 && weight.dim() == 2 && x.size(1) == weight.size(1) && weight.is_contiguous(),
              "multiply_rows: expected x [rows, in] and a contiguous weight [out, in]");
  TORCH_CHECK(x.is_cpu() && weight.is_cpu(), "multiply_rows: expected tensors on the CPU");
  const torch::Tensor rows = x.to(torch::kFloat32).contiguous();
  auto out = at::empty({x.size(0), weight.size(0)}, rows.options());
  ProductPiece whole{rows.const_data_ptr<float>(),  x.size(0),     x.size(1),
                     weight.const_data_ptr(),       x.size(1),     weight.size(0),
                     out.mutable_data_ptr<float>(), weight.size(0)};
  const auto multiply = product_kernel(row_kernels(set), weight.scalar_type());
  const auto bytes = static_cast<std::int64_t>(weight.element_size()) * whole.in;

  const std::int64_t numbers = weight.numel() * ((whole.rows + 3) / 4);
  const std::int64_t threads = numbers / numbers_a_thread;
  // Half a piece each where there would be few, so that no thread waits long for the last.
  const std::int64_t step = whole.features < 8 * features_at_once ? features_at_once / 2 : features_at_once;
  on_threads((whole.features + step - 1) / step, threads, [&](Tasks& tasks) {
    const auto sums = std::make_unique_for_overwrite<float[]>(product_scratch);
    while (const auto task = tasks.take()) {
      const std::int64_t begin = *task * step;
      ProductPiece piece = whole;
      piece.weight = static_cast<const char*>(whole.weight) + begin * bytes;
      piece.features = std::min(step, whole.features - begin);
      piece.out += begin;
      piece.sums = sums.get();
      multiply(piece);
    }
  });
  return out.to(x.scalar_type());
}

}  // namespace holisafe::nn
