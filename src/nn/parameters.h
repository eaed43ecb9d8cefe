// Every weight of a model by its canonical name: what loaders fill, trainers update, writers write.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <torch/types.h>

namespace holisafe::nn {

struct Linear;

/// Which part of a vision-language model a weight belongs to.
enum class Part { vision, projector, language, guard };

/// One weight. `name` is canonical: the module path of the family's implementation in transformers 5 without
/// its leading `model.`, for instance `language_model.layers.0.self_attn.q_proj.weight`.
struct Parameter {
  std::string name;
  torch::Tensor* tensor;  ///< owned by the module; may be replaced, never resized
  Part part;
};
using ParameterVisitor = std::function<void(const Parameter&)>;

/// One linear layer by the name of its module (no `.weight`).
using LinearVisitor = std::function<void(const std::string& name, Linear& linear, Part part)>;

/// What a module's visit() calls; either may be empty. Pass by reference down the tree.
struct Visitor {
  ParameterVisitor parameter;
  LinearVisitor linear;
  Part part = Part::language;

  void tensor(const std::string& name, torch::Tensor& tensor) const {
    if (parameter && tensor.defined()) parameter({name, &tensor, part});
  }
};

}  // namespace holisafe::nn
