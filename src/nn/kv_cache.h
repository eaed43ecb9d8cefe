// Keys and values of the positions that a decoder has seen of one sequence.
//
//   auto prefix = std::make_shared<KvCache>(layers, 611);       // an image's positions, read once
//   KvCache own = KvCache::after(prefix, 40 + 512);             // goes on from there; the prefix is shared,
//   not copied
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "nn/attention_rows.h"
#include "nn/tensor.h"

namespace holisafe::nn {

/// Grows as positions are appended. Not thread-safe; a prefix that others go on from must not grow any more,
/// and may then be read from several threads.
class KvCache {
 public:
  /// `room`: positions that memory is taken for at once; more are appended where there is need, at the price
  /// of a copy. Pages of memory that no position has reached are not used.
  explicit KvCache(std::int64_t layers, std::int64_t room = 0)
      : room_(room), layers_(static_cast<std::size_t>(layers)) {}

  /// A sequence that goes on from `prefix`, with room for so many positions of its own.
  static KvCache after(std::shared_ptr<const KvCache> prefix, std::int64_t room);

  /// Positions stored, the prefix's among them: the same in every layer between two passes.
  [[nodiscard]] std::int64_t length() const {
    return (prefix_ ? prefix_->length() : 0) + (layers_.empty() ? 0 : layers_.front().length);
  }

  /// Appends k and v [1, key-value heads, T, D] to a layer.
  void append(std::int64_t layer, const torch::Tensor& keys, const torch::Tensor& values);

  struct KeysValues {
    torch::Tensor keys;    ///< [1, key-value heads, S, D]
    torch::Tensor values;  ///< the same
  };
  /// All positions of a layer, one behind the other: a view, or a copy where there is a prefix.
  [[nodiscard]] KeysValues joined(std::int64_t layer) const;

  /// The same as they lie: the prefix's, then its own.
  [[nodiscard]] std::vector<KeyValueSegment> segments(std::int64_t layer) const;

 private:
  [[nodiscard]] const KeyValueSegment& at(std::int64_t layer) const {
    return layers_[static_cast<std::size_t>(layer)];
  }

  std::shared_ptr<const KvCache> prefix_;
  std::int64_t room_ = 0;
  std::vector<KeyValueSegment>
      layers_;  ///< [key-value heads, capacity, D]; undefined before the first append
};

}  // namespace holisafe::nn
