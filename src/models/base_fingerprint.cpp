#include "models/base_fingerprint.h"

#include <map>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "checkpoint/fingerprint.h"

namespace holisafe::models {
namespace {

/// Bytes of tensors by name, and what keeps them.
struct NamedBytes {
  std::map<std::string, std::string_view> parts;
  std::vector<torch::Tensor> kept;

  /// Of the files that the language model of a model came from, or the rest of it.
  void add(Model& model, bool of_language) {
    nn::Visitor visitor;
    visitor.parameter = [&](const nn::Parameter& parameter) {
      const checkpoint::TensorView* view = model.source(parameter.name);
      if (view == nullptr || (parameter.part == nn::Part::language) != of_language) return;
      parts[fmt::format("{} {} {}", parameter.name, checkpoint::name(view->dtype),
                        checkpoint::shape_text(view->shape))] = {
          reinterpret_cast<const char*>(view->bytes.data()), view->bytes.size()};
    };
    model.visit(visitor);
  }

  void add(const std::string& name, const torch::Tensor& tensor) {
    if (!tensor.defined()) return;
    const auto& bytes = kept.emplace_back(tensor.detach().cpu().contiguous());
    parts[fmt::format("{} {} {}", name, c10::toString(bytes.scalar_type()),
                      checkpoint::shape_text(bytes.sizes()))] = {
        static_cast<const char*>(bytes.const_data_ptr()), bytes.nbytes()};
  }
};

}  // namespace

std::string base_fingerprint(Model& model, const Adapter* adapter, Model* seeing) {
  NamedBytes bytes;
  bytes.add(model, true);
  bytes.add(seeing != nullptr ? *seeing : model, false);
  if (adapter != nullptr) {
    for (const auto& [name, lora] : adapter->modules) {
      const std::string under = fmt::format("adapter {} {}", name, lora.scale);
      bytes.add(under + " A", lora.a);
      bytes.add(under + " B", lora.b);
      bytes.add(under + " magnitude", lora.magnitude);
    }
    for (const auto& [name, weight] : adapter->saved) bytes.add("adapter " + name, weight);
  }
  return checkpoint::fingerprint(bytes.parts);
}

}  // namespace holisafe::models
