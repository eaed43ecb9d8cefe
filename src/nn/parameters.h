// Every weight of a model by its canonical name: what loaders fill, trainers update, writers write.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "nn/matrix.h"
#include "nn/tensor.h"

namespace holisafe::nn {

struct Linear;

/// Which part of a vision-language model a weight belongs to.
enum class Part { vision, projector, language, guard };

/// One weight: the matrix of a linear layer or of an embedding, or another tensor (norm, bias, convolution).
/// `name` is canonical: the module path of the family's implementation in transformers 5 without its leading
/// `model.`, for instance `language_model.layers.0.self_attn.q_proj.weight`.
struct Parameter {
  std::string name;
  std::variant<torch::Tensor*, Matrix*> weight;  ///< owned by the module; may be replaced, never resized
  Part part;

  [[nodiscard]] bool is_matrix() const { return std::holds_alternative<Matrix*>(weight); }
  [[nodiscard]] std::vector<std::int64_t> sizes() const;
  [[nodiscard]] std::int64_t count() const;    ///< of its numbers
  [[nodiscard]] std::uint64_t bytes() const;   ///< that they are stored in
  [[nodiscard]] torch::Tensor floats() const;  ///< as Matrix::floats(); of another tensor that itself
  [[nodiscard]] torch::Tensor float_copy() const;
  /// Puts numbers of a floating type in its place.
  void replace(torch::Tensor values) const;
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
  void matrix(const std::string& name, Matrix& matrix) const {
    if (parameter && matrix.defined()) parameter({name, &matrix, part});
  }
};

}  // namespace holisafe::nn
