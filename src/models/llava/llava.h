// LLaVA-1.5 (arXiv 2310.03744), the model under SafeLLaVA.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "models/llava/config.h"
#include "models/llava/image_processor.h"
#include "models/llava/template.h"
#include "models/model.h"
#include "nn/linear.h"
#include "nn/vision_encoder.h"

namespace holisafe::models::llava {

/// Thread-safe as Model is.
class Llava final : public Model {
 public:
  /// Weights have shapes but no storage until load_weights() or randomize().
  Llava(const Config& config, ModelInfo info, tokenizer::Tokenizer tokenizer, ImageProcessor processor,
        Template format);

  /// Errors: those of Checkpoint::open, parse_config, Tokenizer::open, ImageProcessor::make and
  /// load_weights; missing (the original layout without its vision tower), usage (a vision tower given to a
  /// checkpoint that has its own).
  static Result<std::unique_ptr<Model>> load(const std::filesystem::path& folder, const LoadOptions& options);

  [[nodiscard]] const Config& config() const { return config_; }

  Result<ProcessedImage> process_image(const image::Image& image) const override;
  [[nodiscard]] torch::Tensor cells(const ProcessedImage& image, const torch::Tensor& values) const override;
  torch::Tensor encode_image(const ProcessedImage& image) const override;
  [[nodiscard]] std::vector<torch::Tensor> encode_images(
      std::span<const ProcessedImage> images) const override;
  Result<Prompt> render(const chat::Conversation& conversation,
                        std::span<const ProcessedImage> images) const override;

 protected:
  void visit_vision(nn::Visitor visitor) override;
  void hook_vision(const nn::LayerHook& hook) override { tower_.layer_hook = hook; }

 private:
  [[nodiscard]] torch::Tensor features(const torch::Tensor& pixels) const;

  Config config_;
  ImageProcessor processor_;
  Template format_;
  nn::VisionEncoder tower_;
  nn::Linear projector_in_;   ///< linear_1
  nn::Linear projector_out_;  ///< linear_2
};

/// What a config says, as Model shows it.
ModelInfo info_of(const Config& config);

/// The family's line in the registry.
Family family();

}  // namespace holisafe::models::llava
