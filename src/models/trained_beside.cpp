#include "models/trained_beside.h"

#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "checkpoint/fingerprint.h"
#include "models/dtype.h"
#include "models/weights.h"

namespace holisafe::models {
namespace {

constexpr nn::Part beside_parts[] = {nn::Part::vision, nn::Part::projector, nn::Part::guard};

std::string in_words(nn::Part part) { return part == nn::Part::vision ? "vision tower" : part_name(part); }

}  // namespace

std::string part_name(nn::Part part) {
  switch (part) {
    case nn::Part::vision:
      return "vision";
    case nn::Part::projector:
      return "projector";
    case nn::Part::language:
      return "language";
    case nn::Part::guard:
      break;
  }
  return "guard";
}

std::string weights_fingerprint(const std::map<std::string, torch::Tensor>& weights) {
  std::map<std::string, std::string_view> parts;
  std::vector<torch::Tensor> kept;
  for (const auto& [name, weight] : weights) {
    const auto& bytes = kept.emplace_back(weight.detach().cpu().contiguous());
    parts[fmt::format("{} {} {}", name, c10::toString(bytes.scalar_type()),
                      checkpoint::shape_text(bytes.sizes()))] = {
        static_cast<const char*>(bytes.const_data_ptr()), bytes.nbytes()};
  }
  return checkpoint::fingerprint(parts);
}

Result<std::string> part_fingerprint(nn::Part part, Model& model) {
  std::map<std::string, torch::Tensor> weights;
  Result<void> outcome;
  nn::Visitor visitor;
  visitor.parameter = [&](const nn::Parameter& parameter) {
    const checkpoint::TensorView* view = model.source(parameter.name);
    if (parameter.part != part || view == nullptr || !outcome) return;
    LoadOptions as_stored;
    as_stored.dtype = torch_type(view->dtype);
    auto tensor = weight(*view, as_stored);
    if (!tensor)
      outcome = fail(tensor.error());
    else
      weights[parameter.name] = *std::move(tensor);
  };
  model.visit(visitor);
  HOLISAFE_CHECK(outcome);
  return weights_fingerprint(weights);
}

Result<std::string> missing_beside(const Adapter& adapter, Model& model, const std::string& guard) {
  std::vector<std::string> missing;
  for (const nn::Part part : beside_parts) {
    const auto trained = adapter.config.trained_beside.find(part_name(part));
    if (trained == adapter.config.trained_beside.end()) continue;
    std::string here = guard;
    if (part != nn::Part::guard) {
      HOLISAFE_TRY(here, part_fingerprint(part, model));
    }
    if (here != trained->second) missing.push_back(in_words(part));
  }
  if (missing.empty()) return std::string();
  return fmt::format(
      "the adapter was trained together with {}, which {} not here as trained: model/ of its run is the "
      "whole "
      "model",
      fmt::join(missing, ", "), missing.size() == 1 ? "is" : "are");
}

}  // namespace holisafe::models
