#include "engine/explain.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "engine/boundary.h"
#include "engine/device.h"
#include "engine/reading.h"
#include "guard/guard.h"
#include "models/prompt_batch.h"
#include "nn/activation_checkpoint.h"
#include "verdicts/verdict_json.h"

namespace holisafe::engine {
namespace {

constexpr const char* explaining = "cannot explain verdict";

using Mask = std::vector<bool>;  ///< of all cells, piece by piece, row by row

/// A picture's verdicts with cells painted over, and its gradient: all by the model's own forward pass.
class Explainer {
 public:
  Explainer(const Engine& engine, models::ProcessedImage image, models::Prompt prompt)
      : engine_(engine),
        image_(std::move(image)),
        prompt_(std::move(prompt)),
        cells_(cells_of(image_.pixel_values)),
        means_(mean_colours(image_.pixel_values, cells_)) {}

  [[nodiscard]] std::int64_t cells_a_piece() const { return cells_.size(1) * cells_.size(2); }
  [[nodiscard]] std::size_t cell_count() const {
    return static_cast<std::size_t>(cells_.size(0) * cells_a_piece());
  }
  [[nodiscard]] const std::vector<image::Frame>& frames() const { return image_.frames; }

  /// The picture as it is.
  [[nodiscard]] Result<taxonomy::Verdict> verdict() const {
    HOLISAFE_TRY(const auto one, verdicts(std::span(&image_, 1)));
    return one.front();
  }

  /// Of every cell, f64.
  [[nodiscard]] torch::Tensor gradient(std::size_t label) const {
    const torch::AutoGradMode with_gradient(true);
    return gradient_values(
        image_.pixel_values, [this](const torch::Tensor& values) { return cells_of(values); },
        [this, label](const torch::Tensor& pixels) {
          return log_odds_of(pixels, static_cast<std::int64_t>(label));
        });
  }

  /// The picture with these cells in the mean colour; nothing where it stays as it is.
  [[nodiscard]] std::optional<models::ProcessedImage> painted(const Mask& mask) const {
    models::ProcessedImage out = image_;
    out.pixel_values = image_.pixel_values.clone();
    const auto cells = cells_of(out.pixel_values);
    for (std::size_t i = 0; i < mask.size(); ++i) {
      if (!mask[i]) continue;
      const auto cell = static_cast<std::int64_t>(i);
      const std::int64_t piece = cell / cells_a_piece();
      const std::int64_t within = cell % cells_a_piece();
      cells[piece][within / cells_.size(2)][within % cells_.size(2)].copy_(
          means_[piece][0][0].expand_as(cells_[0][0][0]));
    }
    if (at::equal(out.pixel_values, image_.pixel_values)) return std::nullopt;
    return out;
  }

  /// The guard's verdict on each, in one pass of the decoder where there are several.
  [[nodiscard]] Result<std::vector<taxonomy::Verdict>> verdicts(
      std::span<const models::ProcessedImage> images) const {
    const c10::InferenceMode inference;
    std::vector<taxonomy::Verdict> out;
    for (const torch::Tensor& pooled : pooled_of(images)) {
      HOLISAFE_TRY(const auto verdict, engine_.guard()->judge(pooled));
      out.push_back(verdict);
    }
    return out;
  }

 private:
  [[nodiscard]] torch::Tensor cells_of(const torch::Tensor& values) const {
    return engine_.model().cells(image_, values);
  }

  [[nodiscard]] torch::Tensor log_odds_of(const torch::Tensor& pixels, std::int64_t label) const {
    models::ProcessedImage image = image_;
    image.pixel_values = pixels;
    const auto pooled = pooled_of(std::span(&image, 1)).front();
    const auto logits =
        engine_.guard()->forward(pooled).to(torch::kFloat64) / engine_.guard()->info().temperature;
    const auto others =
        at::cat({logits.narrow(0, 0, label), logits.narrow(0, label + 1, logits.size(0) - label - 1)});
    return logits[label] - others.logsumexp(std::int64_t{0});
  }

  /// What the guard takes of each, [hidden_size]. Without gradients, one alone is read as for its verdict;
  /// with them in one piece, since keys and values that are kept let none through.
  [[nodiscard]] std::vector<torch::Tensor> pooled_of(std::span<const models::ProcessedImage> images) const {
    const models::Model& model = engine_.model();
    const auto features = model.encode_images(images);
    std::vector<torch::Tensor> out;
    if (engine_.pools(models::GuardPooling::projector)) {
      for (const torch::Tensor& own : features) out.push_back(guard::pool_features(std::span(&own, 1)));
      return out;
    }
    if (images.size() == 1 && !at::GradMode::is_enabled()) {
      out.push_back(pooled_images(model, prompt_, features.front()));
      return out;
    }
    const std::vector<const models::Prompt*> prompts(images.size(), &prompt_);
    const auto batch = models::collate(model, prompts);
    const auto hidden =
        model.decoder().forward(batch.inputs(models::embed(model, batch, joined(features))));  // [B, T, H]
    for (std::int64_t i = 0; i < hidden.size(0); ++i)
      out.push_back(guard::pool_hidden(hidden[i], prompt_.spans));
    return out;
  }

  const Engine& engine_;
  models::ProcessedImage image_;
  models::Prompt prompt_;  ///< of the picture, up to its end; empty where the guard pools the projector
  torch::Tensor cells_;    ///< a view of the picture's values
  torch::Tensor means_;    ///< [pieces, 1, 1, channels, 1, 1]
};

/// Painted pictures that wait for their verdicts, a batch at a time.
class Painted {
 public:
  using OnVerdict = std::function<void(std::size_t tag, const taxonomy::Verdict& verdict)>;

  Painted(const Explainer& explainer, std::size_t batch_size, OnVerdict on_verdict)
      : explainer_(explainer),
        batch_size_(std::max<std::size_t>(1, batch_size)),
        on_verdict_(std::move(on_verdict)) {}

  Result<void> add(std::size_t tag, models::ProcessedImage image) {
    tags_.push_back(tag);
    images_.push_back(std::move(image));
    return images_.size() < batch_size_ ? Result<void>() : finish();
  }
  Result<void> finish() {
    if (images_.empty()) return {};
    HOLISAFE_TRY(const auto verdicts, explainer_.verdicts(images_));
    for (std::size_t i = 0; i < verdicts.size(); ++i) on_verdict_(tags_[i], verdicts[i]);
    tags_.clear();
    images_.clear();
    return {};
  }

 private:
  const Explainer& explainer_;
  std::size_t batch_size_;
  OnVerdict on_verdict_;
  std::vector<std::size_t> tags_;
  std::vector<models::ProcessedImage> images_;
};

struct Occlusion {
  const explain::Explanation& explanation;  ///< of what is known already
  double temperature;
  std::size_t batch_size;
  const StopFlag* stop;
};

/// One block of one piece.
struct Block {
  std::size_t piece = 0;
  explain::CellRange cells;
};

/// Those that show some of the picture.
std::vector<Block> blocks_of(const Explainer& explainer, const explain::Explanation& explanation) {
  std::vector<Block> out;
  for (std::size_t piece = 0; piece < explainer.frames().size(); ++piece) {
    const image::Frame& frame = explainer.frames()[piece];
    for (const explain::CellRange& block : explain::blocks(frame.rows, frame.columns)) {
      bool shows = false;
      for (std::int64_t row = block.top; row < block.bottom; ++row) {
        for (std::int64_t column = block.left; column < block.right; ++column)
          shows = shows || explain::shows_picture(frame, row, column, explanation.width, explanation.height);
      }
      if (shows) out.push_back({piece, block});
    }
  }
  return out;
}

/// Of every cell: f minus f with its block painted over.
Result<std::vector<double>> occlusion(const Explainer& explainer, const Occlusion& options) {
  std::vector<double> values(explainer.cell_count(), 0.0);
  const auto cells = blocks_of(explainer, options.explanation);
  const auto mask_of = [&](const Block& block) {
    Mask mask(values.size());
    const std::int64_t columns = explainer.frames()[block.piece].columns;
    const auto first = static_cast<std::int64_t>(block.piece) * explainer.cells_a_piece();
    for (std::int64_t row = block.cells.top; row < block.cells.bottom; ++row) {
      for (std::int64_t column = block.cells.left; column < block.cells.right; ++column)
        mask[static_cast<std::size_t>(first + row * columns + column)] = true;
    }
    return mask;
  };
  Painted painted(explainer, options.batch_size, [&](std::size_t tag, const taxonomy::Verdict& verdict) {
    const double loss = options.explanation.log_odds -
                        explain::log_odds(verdict.logits, options.temperature, options.explanation.label);
    const Mask mask = mask_of(cells[tag]);
    for (std::size_t i = 0; i < mask.size(); ++i) {
      if (mask[i]) values[i] = loss;
    }
  });
  for (std::size_t block = 0; block < cells.size(); ++block) {
    if (options.stop != nullptr && options.stop->requested())
      return fail(ErrorKind::interrupted, "stopped", options.explanation.path);
    auto changed = explainer.painted(mask_of(cells[block]));
    if (changed) HOLISAFE_CHECK(painted.add(block, *std::move(changed)));
  }
  HOLISAFE_CHECK(painted.finish());
  return values;
}

Result<std::vector<double>> gradient(const Explainer& explainer, std::size_t label) {
  auto values = within_boundary(explaining, [&]() -> Result<std::vector<double>> {
    const auto all = explainer.gradient(label).contiguous();
    const auto* data = all.const_data_ptr<double>();
    return std::vector<double>(data, data + all.numel());
  });
  if (!values && values.error().kind == ErrorKind::out_of_memory) {
    Error error = values.error();
    error.detail += error.detail.empty() ? "" : "; ";
    error.detail += "--explain-method occlusion needs no backward pass";
    return fail(std::move(error));
  }
  return values;
}

/// The values as pieces: 0 where a cell shows nothing of the picture. Errors: not_finite.
Result<std::vector<explain::Piece>> pieces_of(const Explainer& explainer, const std::vector<double>& values,
                                              const explain::Explanation& explanation) {
  std::vector<explain::Piece> out;
  std::size_t next = 0;
  for (const image::Frame& frame : explainer.frames()) {
    explain::Piece piece{frame, {}};
    for (std::int64_t row = 0; row < frame.rows; ++row) {
      for (std::int64_t column = 0; column < frame.columns; ++column) {
        const double value = values[next++];
        if (!std::isfinite(value)) {
          return fail(ErrorKind::not_finite, explaining, explanation.path,
                      fmt::format("expected finite numbers in the {}, found {} at row {}, column {}",
                                  name(explanation.method), value, row, column));
        }
        const bool shows = explain::shows_picture(frame, row, column, explanation.width, explanation.height);
        piece.values.push_back(shows ? value + 0.0 : 0.0);  // no -0
      }
    }
    out.push_back(std::move(piece));
  }
  return out;
}

/// The class's probability with the box painted over.
Result<double> without_box(const Explainer& explainer, const explain::Explanation& explanation) {
  Mask mask;
  for (const image::Frame& frame : explainer.frames()) {
    for (std::int64_t row = 0; row < frame.rows; ++row) {
      for (std::int64_t column = 0; column < frame.columns; ++column)
        mask.push_back(explain::lies_in(frame, row, column, *explanation.box));
    }
  }
  const auto changed = explainer.painted(mask);
  if (!changed) return explanation.probability;
  HOLISAFE_TRY(const auto verdicts, explainer.verdicts(std::span(&*changed, 1)));
  return verdicts.front().scores[explanation.label];
}

Result<Explainer> open_explainer(const Engine& engine, const image::Image& picture,
                                 const std::optional<std::string>& system) {
  const torch::NoGradGuard no_gradient;
  HOLISAFE_TRY(auto image, engine.model().process_image(picture));
  models::Prompt prompt;
  if (engine.pools(models::GuardPooling::last_hidden)) {
    HOLISAFE_TRY(prompt, rendered_images(engine.model(), system, std::span(&image, 1)));
  }
  return Explainer(engine, std::move(image), std::move(prompt));
}

bool has_logits(const taxonomy::Verdict& verdict) {
  return std::any_of(verdict.logits.begin(), verdict.logits.end(), [](float logit) { return logit != 0; });
}

Result<explain::Explained> explain_picture(const Engine& engine, explain::Explained out,
                                           const std::optional<taxonomy::Verdict>& known,
                                           const std::optional<std::string>& system,
                                           const ExplainOptions& options, const StopFlag* stop) {
  explain::Explanation& told = out.explanation;
  told.width = out.picture.width;
  told.height = out.picture.height;
  told.method = options.method;
  HOLISAFE_TRY(const auto explainer, open_explainer(engine, out.picture, system));
  taxonomy::Verdict verdict;
  if (known && has_logits(*known)) {
    verdict = *known;
  } else {
    HOLISAFE_TRY(verdict, explainer.verdict());
  }
  told.label = options.label.value_or(verdicts::most_probable_harm(verdict));
  told.probability = verdict.scores[told.label];
  const double temperature = engine.guard()->info().temperature;
  told.log_odds = explain::log_odds(verdict.logits, temperature, told.label);
  std::vector<double> values;
  if (options.method == explain::Method::gradient) {
    HOLISAFE_TRY(values, gradient(explainer, told.label));
  } else {
    HOLISAFE_TRY(values, occlusion(explainer, {told, temperature, options.batch_size, stop}));
  }
  HOLISAFE_TRY(told.pieces, pieces_of(explainer, values, told));
  told.box = explain::strongest_box(told.pieces, told.width, told.height);
  if (told.box) {
    HOLISAFE_TRY(told.without, without_box(explainer, told));
  }
  return out;
}

}  // namespace

void prepare_to_explain(Engine& engine) { engine.model().set_layer_hook(nn::checkpointed); }

Result<explain::Explained> explain(const Engine& engine, const chat::Image& picture,
                                   const std::optional<taxonomy::Verdict>& verdict,
                                   const std::optional<std::string>& system, const ExplainOptions& options,
                                   const StopFlag* stop) {
  const std::string name = picture.file.empty() ? "image" : picture.file.string();
  auto explained = within_boundary(explaining, [&]() -> Result<explain::Explained> {
    const ThreadScope threads(engine.threads());
    explain::Explained out;
    out.explanation.path = name;
    HOLISAFE_TRY(out.picture, image::load(name, picture.bytes.get(), options.decode));
    return explain_picture(engine, std::move(out), verdict, system, options, stop);
  });
  if (explained || explained.error().where.starts_with(name)) return explained;
  Error error = explained.error();
  error.where = error.where.empty() ? name : name + ": " + error.where;
  return fail(std::move(error));
}

torch::Tensor mean_colours(const torch::Tensor& pixel_values, const torch::Tensor& cells) {
  // Equal numbers of 24 bits add up without rounding in 53.
  const auto wide = torch::kFloat64;
  const auto means = pixel_values.dim() == 4
                         ? pixel_values.to(wide).mean(at::IntArrayRef({2, 3}))  // [pieces, channels]
                         : cells.to(wide).mean(at::IntArrayRef({1, 2, 4, 5}));
  return means.to(pixel_values.scalar_type()).view({means.size(0), 1, 1, means.size(1), 1, 1});
}

torch::Tensor gradient_values(const torch::Tensor& pixel_values, const CellsOf& cells_of,
                              const std::function<torch::Tensor(const torch::Tensor& pixels)>& f) {
  const torch::AutoGradMode with_gradient(true);
  const auto pixels = pixel_values.detach().clone().requires_grad_();
  f(pixels).backward();
  const torch::NoGradGuard no_gradient;
  const auto cells = cells_of(pixel_values);
  const auto apart = (cells - mean_colours(pixel_values, cells)).to(torch::kFloat64);
  return (cells_of(pixels.grad().contiguous()).to(torch::kFloat64) * apart).sum(at::IntArrayRef({3, 4, 5}));
}

}  // namespace holisafe::engine
