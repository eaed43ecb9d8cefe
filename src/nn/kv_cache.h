// Keys and values of the positions a decoder has seen.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/tensor.h"

namespace holisafe::nn {

/// Grows as positions are appended. Not thread-safe. A copy shares what is stored but grows on its own from
/// then on if it is made by fork(): several continuations of one prefix.
class KvCache {
 public:
  explicit KvCache(std::int64_t layers) : layers_(static_cast<std::size_t>(layers)) {}

  /// Positions stored, the same in every layer between two passes.
  [[nodiscard]] std::int64_t length() const { return layers_.empty() ? 0 : layers_.front().length; }

  struct KeysValues {
    torch::Tensor keys;    ///< [B, key-value heads, S, D]
    torch::Tensor values;  ///< the same
  };

  /// Appends k and v [B, key-value heads, T, D] to a layer; gives views of all its positions.
  KeysValues append(std::int64_t layer, const torch::Tensor& keys, const torch::Tensor& values);

  /// A copy whose first append copies what is stored, so that both can go on.
  [[nodiscard]] KvCache fork() const;

  /// Forgets all positions from `length` on.
  void truncate(std::int64_t length);

 private:
  struct Layer {
    torch::Tensor keys;  ///< [B, heads, capacity, D]
    torch::Tensor values;
    std::int64_t length = 0;
    bool shared = false;  ///< storage belongs to another cache too
  };
  std::vector<Layer> layers_;
};

}  // namespace holisafe::nn
