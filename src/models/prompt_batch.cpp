#include "models/prompt_batch.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace holisafe::models {
namespace {

/// A batch being filled, on the CPU.
struct Filling {
  std::int64_t length;
  torch::Tensor input_ids, positions, image_group;
  std::vector<std::int64_t> image_rows;

  Filling(std::int64_t count, std::int64_t longest, std::int64_t axes)
      : length(longest),
        input_ids(at::zeros({count, longest}, torch::kInt64)),
        positions(at::zeros({axes, count, longest}, torch::kInt64)),
        image_group(at::full({count, longest}, -1, torch::kInt64)) {}

  void put(std::int64_t row, const Prompt& prompt) {
    auto* ids = input_ids.data_ptr<std::int64_t>() + row * length;
    std::copy(prompt.input_ids.begin(), prompt.input_ids.end(), ids);
    positions.select(1, row).slice(1, 0, prompt.length()).copy_(prompt.positions);
    auto* groups = image_group.data_ptr<std::int64_t>() + row * length;
    for (std::size_t span = 0; span < prompt.spans.size(); ++span) {
      for (std::int64_t t = prompt.spans[span].begin; t < prompt.spans[span].end; ++t) {
        ids[t] = 0;
        groups[t] = static_cast<std::int64_t>(span);
        image_rows.push_back(row * length + t);
      }
    }
  }
};

}  // namespace

nn::DecoderInputs PromptBatch::inputs(torch::Tensor embeddings) const {
  return {std::move(embeddings), positions, image_group, {}};
}

PromptBatch collate(const Model& model, std::span<const Prompt* const> prompts) {
  std::int64_t longest = 0;
  for (const Prompt* prompt : prompts) longest = std::max(longest, prompt->length());
  Filling rows(static_cast<std::int64_t>(prompts.size()), longest, prompts.front()->positions.size(0));
  for (std::size_t i = 0; i < prompts.size(); ++i) rows.put(static_cast<std::int64_t>(i), *prompts[i]);
  const auto device = model.device();
  PromptBatch batch;
  batch.input_ids = rows.input_ids.to(device);
  batch.positions = rows.positions.to(device);
  if (model.info().bidirectional_images && !rows.image_rows.empty())
    batch.image_group = rows.image_group.to(device);
  batch.image_rows = torch::tensor(rows.image_rows, torch::kInt64).to(device);
  return batch;
}

torch::Tensor embed(const Model& model, const PromptBatch& batch, const torch::Tensor& image_features) {
  auto embeddings = model.decoder().embed(batch.input_ids);  // [B, T, H]
  if (batch.image_rows.size(0) == 0) return embeddings;
  const auto features = image_features.to(embeddings.scalar_type());
  return embeddings.flatten(0, 1).index_copy(0, batch.image_rows, features).view_as(embeddings);
}

}  // namespace holisafe::models
