// Where in a picture its verdict comes from: the values of every cell, the box, and the verdict without it.
//
//   prepare_to_explain(engine);                                   // before anything runs on it
//   auto explained = explain(engine, picture, verdict, options);
//   explain::write_files(folder, 0, std::move(explained->explanation), explained->picture);
//
// The gradient goes through the forward pass of inference, each layer of which runs again in the backward
// pass: what is kept is one input a layer.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "chat/chat.h"
#include "engine/engine.h"
#include "explain/explanation.h"
#include "explain/image_explainer.h"
#include "image/image.h"
#include "nn/tensor.h"
#include "taxonomy/verdict.h"

namespace holisafe::engine {

struct ExplainOptions {
  explain::Method method = explain::Method::gradient;
  std::optional<std::size_t> label;  ///< of the class to explain; nothing: the most probable harm
  std::size_t batch_size = 1;        ///< occlusion: pictures that go through the model together
  image::DecodeOptions decode;
};

/// From now on layers keep nothing for a backward pass but their input. Verdicts stay the same to the bit.
/// Before anything runs on the engine.
void prepare_to_explain(Engine& engine);

/// Explains the verdict that an engine with a guard gave of this picture alone (behind `system`, where there
/// was one); nothing or one without logits: it is asked for first. Other threads may ask for verdicts
/// meanwhile. Errors, which name the picture's file: those of image::load() and of the model's processor;
/// not_finite (a gradient or a verdict), out_of_memory (the backward pass: says to use occlusion),
/// interrupted (`stop`, which may be null).
Result<explain::Explained> explain(const Engine& engine, const chat::Image& picture,
                                   const std::optional<taxonomy::Verdict>& verdict,
                                   const std::optional<std::string>& system, const ExplainOptions& options,
                                   const StopFlag* stop);

/// What explain() is made of, for any function of pixels.
///
/// Mean of each channel over a model's input: [pieces, 1, 1, channels, 1, 1] for its cells (Model::cells()),
/// exact where all are the same.
torch::Tensor mean_colours(const torch::Tensor& pixel_values, const torch::Tensor& cells);
/// A view of a tensor by cells.
using CellsOf = std::function<torch::Tensor(const torch::Tensor& values)>;
/// f64 [pieces, rows, columns]: the sum over each cell of df/dx (x - mean colour); `f` gives a scalar of
/// pixels, through which gradients flow.
torch::Tensor gradient_values(const torch::Tensor& pixel_values, const CellsOf& cells_of,
                              const std::function<torch::Tensor(const torch::Tensor& pixels)>& f);

}  // namespace holisafe::engine
