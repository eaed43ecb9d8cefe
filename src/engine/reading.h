// How a prompt is read: cut into pieces by its own content, one pass of the decoder each.
//
//   KvCache cache(layers, prompt.length());
//   for (const Range piece : pieces_of(model, prompt, {0, prompt.length()}))
//     hidden = read_piece(model, prompt, piece, features, positions_read, cache);
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "guard/guard.h"
#include "models/model.h"
#include "nn/kv_cache.h"
#include "nn/tensor.h"

namespace holisafe::engine {

/// A prompt's piece has at most so many positions, but for an image that sees itself.
inline constexpr std::int64_t piece_positions = 512;

/// Positions [begin, end).
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  [[nodiscard]] std::int64_t length() const { return end - begin; }
};

/// Pieces of those positions of a prompt, in order: cut at fixed lengths, never inside an image whose
/// positions see each other, and not at all where rotary frequencies depend on the pass's length. Nothing
/// else decides where: the same prompt has the same pieces whatever runs beside it.
std::vector<Range> pieces_of(const models::Model& model, const models::Prompt& prompt, Range positions);

/// Where its last image ends; 0 without one.
std::int64_t images_end(const models::Prompt& prompt);

/// Of [begin, end) those that hold images.
std::vector<std::int64_t> image_positions(const models::Prompt& prompt, Range positions);

/// One pass over a piece, of which all before stands in `cache`. `features`: of all images of the prompt,
/// [image positions, hidden_size]; undefined without one. Hidden states after the final norm at the positions
/// of `read` (in order, within the piece): [count, hidden_size].
torch::Tensor read_piece(const models::Model& model, const models::Prompt& prompt, Range piece,
                         const torch::Tensor& features, std::span<const std::int64_t> read,
                         nn::KvCache& cache);

/// Projector's output of each image by itself, so that no image's numbers depend on its company.
std::vector<torch::Tensor> encode(const models::Model& model,
                                  std::span<const models::ProcessedImage* const> images);

/// One behind the other, [sum of rows, hidden_size]; undefined of none.
torch::Tensor joined(std::span<const torch::Tensor> parts);

/// What a guard that pools hidden states takes: the mean of those at image positions, which came piece by
/// piece, float32 [hidden_size].
torch::Tensor pooled(std::span<const torch::Tensor> image_hidden);

/// The same of a prompt which ends with its images; `features` as read_piece() takes them.
torch::Tensor pooled_images(const models::Model& model, const models::Prompt& prompt,
                            const torch::Tensor& features);

/// A prompt that the model's context holds. Errors: those of Model::render and models::check_context.
Result<models::Prompt> rendered(const models::Model& model, const chat::Conversation& conversation,
                                std::span<const models::ProcessedImage> images);

/// A conversation of so many images and nothing else, up to the last one's end.
Result<models::Prompt> rendered_images(const models::Model& model, std::optional<std::string> system,
                                       std::span<const models::ProcessedImage> images);

}  // namespace holisafe::engine
