// Attention while several sequences decode together: one query each, over keys and values that lie in a few
// places (a prefix that sequences share, then their own).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nn/tensor.h"
#include "nn/vector_set.h"

namespace holisafe::nn {

/// Keys and values of consecutive positions, [key-value heads, capacity, head_dim], of which the first
/// `length` are there; contiguous in the last dimension.
struct KeyValueSegment {
  torch::Tensor keys, values;
  std::int64_t length = 0;
};

/// What one query attends to: the segments' positions, one segment behind the other. Those before `begin` are
/// left out (a sliding window); at least one must remain.
struct RowKeys {
  std::vector<KeyValueSegment> segments;
  std::int64_t begin = 0;
};

/// softmax(q k^T scale) v for q [rows, heads, head_dim], each row with its own keys, where the heads share
/// key-value heads in groups: [rows, heads * head_dim] in q's type. float32 or bfloat16, q's and the keys'
/// alike; on the CPU computed in float32, scale > 0. There a row's bits depend neither on the other rows, nor
/// on the number of threads, nor on where its positions are cut into segments. No gradient. Thread-safe; runs
/// on LibTorch's threads. Elsewhere by LibTorch's operations, row by row.
torch::Tensor attention_rows(const torch::Tensor& q, std::span<const RowKeys> rows, double scale,
                             VectorSet set = vector_set());

}  // namespace holisafe::nn
