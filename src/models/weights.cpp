#include "models/weights.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "base/file.h"
#include "models/dtype.h"

namespace holisafe::models {
namespace {

constexpr std::int64_t piece_bytes = std::int64_t{1} << 24;

// FNV-1a: the same everywhere, unlike std::hash.
std::uint64_t hash(const std::string& text) {
  std::uint64_t out = 14695981039346656037ULL;
  for (const char c : text) out = (out ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return out;
}

/// A view in another type, piece by piece: what has been read is let go, so that a large tensor is not in
/// memory in both types at once.
torch::Tensor converted(const torch::Tensor& tensor, const checkpoint::TensorView& view,
                        torch::ScalarType dtype) {
  auto out = at::empty(tensor.sizes(), tensor.options().dtype(dtype));
  const auto from = tensor.flatten();
  const auto to = out.flatten();
  const auto element = static_cast<std::int64_t>(checkpoint::size_of(view.dtype));
  const std::int64_t step = piece_bytes / element;
  for (std::int64_t begin = 0; begin < from.numel(); begin += step) {
    const std::int64_t count = std::min(step, from.numel() - begin);
    to.narrow(0, begin, count).copy_(from.narrow(0, begin, count));
    release_pages(view.bytes.subspan(static_cast<std::size_t>(begin * element),
                                     static_cast<std::size_t>(count * element)));
  }
  return out;
}

}  // namespace

Result<torch::ScalarType> scalar_type(const checkpoint::TensorView& view) {
  const torch::ScalarType type = torch_type(view.dtype);
  if (c10::isFloatingType(type)) return type;
  return fail(ErrorKind::unsupported, "cannot load tensor", view.name,
              "expected F32, F16, BF16 or F64, found " + std::string(checkpoint::name(view.dtype)));
}

Result<torch::ScalarType> stored_type(const std::map<std::string, checkpoint::TensorView>& tensors) {
  std::map<torch::ScalarType, std::size_t> bytes;
  for (const auto& [name, view] : tensors) {
    if (const auto type = scalar_type(view)) bytes[*type] += view.bytes.size();
  }
  if (bytes.empty())
    return fail(ErrorKind::unsupported, "cannot load checkpoint", "",
                "expected floating-point tensors, found none");
  return std::max_element(bytes.begin(), bytes.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

Result<torch::Tensor> weight(const checkpoint::TensorView& view, const LoadOptions& options) {
  HOLISAFE_TRY(const torch::ScalarType type, scalar_type(view));
  const auto address = reinterpret_cast<std::uintptr_t>(view.bytes.data());
  const std::size_t element = checkpoint::size_of(view.dtype);
  const auto here = torch::TensorOptions().dtype(type);
  torch::Tensor tensor;
  if (view.bytes.empty()) {
    tensor = at::empty(view.shape, here);
  } else if (address % element == 0) {
    // Read-only memory: nothing writes to a weight that was not loaded as writable.
    tensor = at::from_blob(
        const_cast<std::byte*>(view.bytes.data()), view.shape,
        [owner = view.owner](void*) mutable { owner.reset(); }, here);
  } else {
    tensor = at::empty(view.shape, here);
    std::memcpy(tensor.data_ptr(), view.bytes.data(), view.bytes.size());
  }
  auto loaded = options.device.is_cpu() && options.dtype != type ? converted(tensor, view, options.dtype)
                                                                 : tensor.to(options.device, options.dtype);
  if (options.writable && loaded.is_same(tensor)) loaded = tensor.clone();
  // What was copied need not stay in memory twice.
  const bool mapped = loaded.is_cpu() && loaded.const_data_ptr() == view.bytes.data();
  if (!mapped) release_pages(view.bytes);
  return loaded;
}

torch::Tensor random_weight(const std::string& name, at::IntArrayRef sizes, std::uint64_t seed,
                            torch::ScalarType dtype) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed ^ hash(name));
  const bool bias = name.ends_with("bias");
  const bool norm = sizes.size() == 1 && !bias;
  const bool embedding = name == nn::embedding_name;
  const std::int64_t inputs = sizes.size() < 2 ? 1 : c10::multiply_integers(sizes) / sizes[0];
  const double scale = sizes.size() < 2 ? 0.1
                       : embedding      ? 1.0
                                        : 1.0 / std::sqrt(static_cast<double>(inputs));
  auto out = at::randn(sizes, generator, torch::TensorOptions().dtype(torch::kFloat32)).mul_(scale);
  if (norm) out.add_(1.0);
  return out.to(dtype);
}

std::vector<checkpoint::TensorSpec> tensor_specs(const std::function<void(const nn::Visitor&)>& visit) {
  std::vector<checkpoint::TensorSpec> specs;
  nn::Visitor visitor;
  visitor.parameter = [&specs](const nn::Parameter& parameter) {
    specs.push_back({parameter.name, parameter.sizes(), false});
  };
  visit(visitor);
  return specs;
}

checkpoint::TensorSource source_of(const std::string& name, const torch::Tensor& tensor) {
  checkpoint::TensorSource source;
  source.name = name;
  source.shape = tensor.sizes().vec();
  const auto type = file_dtype(tensor.scalar_type());
  if (type) source.dtype = *type;
  source.write = [name, tensor, type](const WritePiece& write) -> Result<void> {
    if (!type)
      return fail(ErrorKind::unsupported, "cannot write tensor", name,
                  std::string("of type ") + c10::toString(tensor.scalar_type()));
    const auto bytes = tensor.detach().cpu().contiguous();
    const auto* data = static_cast<const char*>(bytes.const_data_ptr());
    const auto size = static_cast<std::int64_t>(bytes.nbytes());
    for (std::int64_t begin = 0; begin < size; begin += piece_bytes) {
      const auto length = static_cast<std::size_t>(std::min(piece_bytes, size - begin));
      HOLISAFE_CHECK(write(std::string_view(data + begin, length)));
    }
    return {};
  };
  return source;
}

}  // namespace holisafe::models
