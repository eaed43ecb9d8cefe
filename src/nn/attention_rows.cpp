#include "nn/attention_rows.h"

#include <algorithm>

#include "nn/attention.h"
#include "nn/row_kernels.h"
#include "nn/threads.h"

namespace holisafe::nn {
namespace {

/// A thread takes no fewer numbers of keys than these.
constexpr std::int64_t keys_a_thread = std::int64_t{1} << 16;

/// A row's segments from `begin` on; those that are left out wholly are not among them.
template <class Visit>
void visit_attended(const RowKeys& row, const Visit& visit) {
  std::int64_t skipped = row.begin;
  for (const KeyValueSegment& segment : row.segments) {
    const std::int64_t from = std::clamp(skipped, std::int64_t{0}, segment.length);
    skipped -= from;
    if (from < segment.length) visit(segment, from, segment.length - from);
  }
}

/// One row by LibTorch's operations: q [heads, head_dim].
torch::Tensor attend_elsewhere(const torch::Tensor& q, const RowKeys& row, double scale) {
  std::vector<torch::Tensor> keys;
  std::vector<torch::Tensor> values;
  visit_attended(row, [&](const KeyValueSegment& segment, std::int64_t from, std::int64_t count) {
    keys.push_back(segment.keys.narrow(1, from, count));
    values.push_back(segment.values.narrow(1, from, count));
  });
  return attention(q.unsqueeze(0).unsqueeze(2), at::cat(keys, 1).unsqueeze(0),
                   at::cat(values, 1).unsqueeze(0), {}, scale)
      .flatten();
}

void (*attention_kernel(const RowKernels& kernels, torch::ScalarType type))(const AttentionPiece&) {
  if (type == torch::kFloat16) return kernels.attend.float16;
  if (type == torch::kBFloat16) return kernels.attend.bfloat16;
  TORCH_CHECK(type == torch::kFloat32, "attention_rows: no kernel for keys of ", c10::toString(type));
  return kernels.attend.float32;
}

/// One key-value head of one row.
std::vector<KeyValueRun> runs_of(const RowKeys& row, std::int64_t head) {
  std::vector<KeyValueRun> out;
  visit_attended(row, [&](const KeyValueSegment& segment, std::int64_t from, std::int64_t count) {
    const auto place = [&](const torch::Tensor& numbers) {
      const std::int64_t at = head * numbers.stride(0) + from * numbers.stride(1);
      return static_cast<const char*>(numbers.const_data_ptr()) + at * numbers.element_size();
    };
    out.push_back({place(segment.keys), place(segment.values), segment.keys.stride(1),
                   segment.values.stride(1), count});
  });
  return out;
}

struct Extent {
  torch::ScalarType type = torch::kFloat32;
  std::int64_t key_value_heads = 0;
  std::int64_t longest = 0;
  std::int64_t together = 0;
};

Extent extent_of(std::span<const RowKeys> rows, std::int64_t heads, std::int64_t dim) {
  Extent out;
  const torch::Tensor& first = rows.front().segments.at(0).keys;
  out.type = first.scalar_type();
  out.key_value_heads = first.size(0);
  TORCH_CHECK(heads % out.key_value_heads == 0, "attention_rows: heads must share key-value heads evenly");
  for (const RowKeys& row : rows) {
    std::int64_t positions = 0;
    visit_attended(row, [&](const KeyValueSegment& segment, std::int64_t, std::int64_t count) {
      for (const auto* numbers : {&segment.keys, &segment.values})
        TORCH_CHECK(numbers->scalar_type() == out.type && numbers->size(0) == out.key_value_heads &&
                        numbers->size(1) >= segment.length && numbers->size(2) == dim &&
                        numbers->stride(2) == 1,
                    "attention_rows: segments differ in type or shape");
      positions += count;
    });
    TORCH_CHECK(positions > 0, "attention_rows: a row without keys");
    out.longest = std::max(out.longest, positions);
    out.together += positions;
  }
  return out;
}

std::int64_t positions_of(const std::vector<KeyValueRun>& runs) {
  std::int64_t out = 0;
  for (const KeyValueRun& run : runs) out += run.length;
  return out;
}

}  // namespace

torch::Tensor attention_rows(const torch::Tensor& q, std::span<const RowKeys> rows, double scale,
                             VectorSet set) {
  TORCH_CHECK(q.dim() == 3 && q.size(0) == static_cast<std::int64_t>(rows.size()),
              "attention_rows: expected q [rows, heads, head_dim] and keys for each row");
  const std::int64_t heads = q.size(1);
  const std::int64_t dim = q.size(2);
  if (rows.empty()) return at::empty({0, heads * dim}, q.options());
  if (!q.is_cpu()) {
    std::vector<torch::Tensor> out;
    for (std::size_t row = 0; row < rows.size(); ++row)
      out.push_back(attend_elsewhere(q[static_cast<std::int64_t>(row)], rows[row], scale));
    return at::stack(out);
  }
  const Extent extent = extent_of(rows, heads, dim);
  const std::int64_t group = heads / extent.key_value_heads;
  const torch::Tensor queries = q.to(torch::kFloat32).contiguous();
  auto out = at::empty({q.size(0), heads * dim}, queries.options());
  const auto attend = attention_kernel(row_kernels(set), extent.type);
  const auto* const from = queries.const_data_ptr<float>();
  auto* const to = out.mutable_data_ptr<float>();

  const std::int64_t threads = extent.together * extent.key_value_heads * dim / keys_a_thread;
  on_threads(q.size(0) * extent.key_value_heads, threads, [&](Tasks& tasks) {
    const std::int64_t padded = dim + most_lanes;
    std::vector<float> scratch(
        static_cast<std::size_t>(product_scratch + group * (extent.longest + 1 + padded)));
    while (const auto task = tasks.take()) {
      const std::int64_t row = *task / extent.key_value_heads;
      const std::int64_t head = *task % extent.key_value_heads;
      const auto runs = runs_of(rows[static_cast<std::size_t>(row)], head);
      const std::int64_t place = (row * heads + head * group) * dim;
      AttentionPiece piece{from + place,
                           group,
                           dim,
                           static_cast<float>(scale),
                           runs.data(),
                           static_cast<std::int64_t>(runs.size()),
                           positions_of(runs)};
      piece.sums = scratch.data();
      piece.totals = piece.sums + product_scratch;
      piece.mixed = piece.totals + group;
      piece.scores = piece.mixed + group * padded;
      piece.out = to + place;
      attend(piece);
    }
  });
  return out.to(q.scalar_type());
}

}  // namespace holisafe::nn
