#include "engine/reading.h"

#include <algorithm>
#include <utility>

#include "models/prompt.h"

namespace holisafe::engine {
namespace {

/// Where a piece that begins at `begin` ends.
std::int64_t piece_end(const models::Prompt& prompt, std::int64_t begin, std::int64_t last,
                       bool whole_images) {
  const std::int64_t end = std::min(begin + piece_positions, last);
  if (!whole_images) return end;
  for (const models::ImageSpan& span : prompt.spans) {
    if (span.begin < end && end < span.end) return span.begin > begin ? span.begin : span.end;
  }
  return end;
}

torch::Tensor indices(const std::vector<std::int64_t>& values, torch::Device device) {
  return torch::tensor(values, torch::kInt64).to(device);
}

/// Token embeddings of a piece with its images' features in their places, [1, T, hidden_size].
torch::Tensor embedded(const models::Model& model, const models::Prompt& prompt, Range piece,
                       const torch::Tensor& features) {
  std::vector<std::int64_t> ids(prompt.input_ids.begin() + piece.begin, prompt.input_ids.begin() + piece.end);
  auto held = image_positions(prompt, piece);
  for (std::int64_t& position : held) {
    position -= piece.begin;
    ids[static_cast<std::size_t>(position)] = 0;
  }
  auto embeddings = model.decoder().embed(indices(ids, model.device()));  // [T, H]
  if (!held.empty()) {
    const auto first = static_cast<std::int64_t>(image_positions(prompt, {0, piece.begin}).size());
    const auto own = features.narrow(0, first, static_cast<std::int64_t>(held.size()));
    embeddings = embeddings.index_copy(0, indices(held, model.device()), own.to(embeddings.scalar_type()));
  }
  return embeddings.unsqueeze(0);
}

/// i64 [1, T]: which image a position belongs to, where positions of one see each other; else undefined.
torch::Tensor image_groups(const models::Model& model, const models::Prompt& prompt, Range piece) {
  if (!model.info().bidirectional_images) return {};
  std::vector<std::int64_t> groups(static_cast<std::size_t>(piece.length()), -1);
  bool any = false;
  for (std::size_t span = 0; span < prompt.spans.size(); ++span) {
    const std::int64_t begin = std::max(prompt.spans[span].begin, piece.begin);
    const std::int64_t end = std::min(prompt.spans[span].end, piece.end);
    for (std::int64_t t = begin; t < end; ++t)
      groups[static_cast<std::size_t>(t - piece.begin)] = static_cast<std::int64_t>(span);
    any = any || begin < end;
  }
  return any ? indices(groups, model.device()).unsqueeze(0) : torch::Tensor();
}

}  // namespace

std::vector<Range> pieces_of(const models::Model& model, const models::Prompt& prompt, Range positions) {
  const nn::DecoderConfig& config = model.decoder().config();
  if (config.rotary_global.dynamic || config.rotary_local.dynamic) return {positions};
  std::vector<Range> out;
  for (std::int64_t begin = positions.begin; begin < positions.end;) {
    const std::int64_t end = piece_end(prompt, begin, positions.end, model.info().bidirectional_images);
    out.push_back({begin, end});
    begin = end;
  }
  return out;
}

std::int64_t images_end(const models::Prompt& prompt) {
  return prompt.spans.empty() ? 0 : prompt.spans.back().end;
}

std::vector<std::int64_t> image_positions(const models::Prompt& prompt, Range positions) {
  std::vector<std::int64_t> out;
  for (const models::ImageSpan& span : prompt.spans) {
    for (std::int64_t t = std::max(span.begin, positions.begin); t < std::min(span.end, positions.end); ++t)
      out.push_back(t);
  }
  return out;
}

torch::Tensor read_piece(const models::Model& model, const models::Prompt& prompt, Range piece,
                         const torch::Tensor& features, std::span<const std::int64_t> read,
                         nn::KvCache& cache) {
  std::vector<std::int64_t> own(read.begin(), read.end());
  for (std::int64_t& position : own) position -= piece.begin;
  nn::DecoderInputs inputs;
  inputs.embeddings = embedded(model, prompt, piece, features);
  inputs.positions = prompt.positions.slice(1, piece.begin, piece.end).unsqueeze(1).to(model.device());
  inputs.image_group = image_groups(model, prompt, piece);
  inputs.read = indices(own, model.device());
  return model.decoder().forward(inputs, &cache).squeeze(0);
}

std::vector<torch::Tensor> encode(const models::Model& model,
                                  std::span<const models::ProcessedImage* const> images) {
  std::vector<torch::Tensor> out;
  for (const models::ProcessedImage* image : images) out.push_back(model.encode_image(*image));
  return out;
}

torch::Tensor joined(std::span<const torch::Tensor> parts) {
  return parts.empty() ? torch::Tensor() : at::cat(at::TensorList(parts.data(), parts.size()), 0);
}

torch::Tensor pooled(std::span<const torch::Tensor> image_hidden) {
  return joined(image_hidden).to(torch::kFloat32).mean(0);
}

torch::Tensor pooled_images(const models::Model& model, const models::Prompt& prompt,
                            const torch::Tensor& features) {
  nn::KvCache cache(model.info().num_layers, prompt.length());
  std::vector<torch::Tensor> hidden;
  for (const Range piece : pieces_of(model, prompt, {0, prompt.length()}))
    hidden.push_back(read_piece(model, prompt, piece, features, image_positions(prompt, piece), cache));
  return pooled(hidden);
}

Result<models::Prompt> rendered(const models::Model& model, const chat::Conversation& conversation,
                                std::span<const models::ProcessedImage> images) {
  HOLISAFE_TRY(auto prompt, model.render(conversation, images));
  HOLISAFE_CHECK(models::check_context(prompt, model.info()));
  return prompt;
}

Result<models::Prompt> rendered_images(const models::Model& model, std::optional<std::string> system,
                                       std::span<const models::ProcessedImage> images) {
  const auto alone = chat::single_turn(std::vector<chat::Image>(images.size()), "", std::move(system));
  HOLISAFE_TRY(auto prompt, rendered(model, alone, images));
  return models::up_to_images(std::move(prompt));
}

}  // namespace holisafe::engine
