// A weight matrix as it is stored: what stands under every linear layer and under the embedding.
//
//   Matrix weight = tensor;                 // a loader's; the kernel of its products is chosen here, once
//   Tensor y = weight.multiply(x, bias);    // x W^T + bias
//   Tensor rows = weight.look_up(ids);      // an embedding's
//
// Whoever loads, trains, merges or counts weights asks for rows, columns, bytes or floats: in which form the
// numbers are stored is known here alone.
#pragma once

#include <cstdint>

#include "nn/stored_matrix.h"
#include "nn/tensor.h"

namespace holisafe::nn {

/// A shape without numbers, to be loaded: on the meta device.
torch::Tensor shaped(at::IntArrayRef sizes);

/// A copy in float32, contiguous memory of its own, without gradient.
torch::Tensor float_copy(const torch::Tensor& tensor);

/// A weight in x's type; under autocast, which casts both itself, as it is.
torch::Tensor in_type_of(const torch::Tensor& x, const torch::Tensor& weight);

/// What the rows of a product are to each other.
enum class Rows {
  together,  ///< one piece: its rows are always multiplied together, and its bits may depend on their number
  apart,     ///< of sequences that come and go: on the CPU and without gradients a row's bits are its own
};

/// x W^T for a weight [out, in] of a floating type, in x's type (under autocast as at::linear computes).
torch::Tensor product(const torch::Tensor& x, const torch::Tensor& weight, Rows rows);

/// [rows, columns]; of a linear layer [out, in]. Copies share the numbers. Thread-safe to read.
class Matrix {
 public:
  Matrix() = default;  ///< none: defined() is false
  /// Numbers of a floating type [rows, columns], shared, not copied. Those of 16 bits on the CPU stay so in
  /// products with float32 unless they learn (nn/stored_matrix.h, by the kernel for `set`).
  Matrix(torch::Tensor values, VectorSet set = vector_set());
  /// A shape without numbers, to be loaded.
  static Matrix shaped(std::int64_t rows, std::int64_t columns);

  [[nodiscard]] bool defined() const { return values_.defined(); }
  [[nodiscard]] std::int64_t rows() const { return values_.size(0); }
  [[nodiscard]] std::int64_t columns() const { return values_.size(1); }
  /// That its numbers are stored in.
  [[nodiscard]] std::uint64_t bytes() const { return values_.nbytes(); }
  [[nodiscard]] torch::Device device() const { return values_.device(); }
  /// Whether gradients flow to it.
  [[nodiscard]] bool learns() const { return values_.requires_grad(); }

  /// x W^T + bias, [..., rows] of x [..., columns], in x's type (under autocast as at::linear computes);
  /// `bias` may be undefined. Gradients flow to all three.
  [[nodiscard]] torch::Tensor multiply(const torch::Tensor& x, const torch::Tensor& bias = {},
                                       Rows rows = Rows::together) const;

  /// Rows by index: [..., columns] of i64 [...], in the type of floats().
  [[nodiscard]] torch::Tensor look_up(const torch::Tensor& ids) const;

  /// The numbers as a tensor of a floating type: those stored, where they are of one, and gradients flow to
  /// them.
  [[nodiscard]] torch::Tensor floats() const { return values_; }
  [[nodiscard]] torch::Tensor float_copy() const;

 private:
  torch::Tensor values_;
  StoredProduct product_ = nullptr;  ///< of 16-bit numbers on the CPU
};

}  // namespace holisafe::nn
