#include "models/gemma3/vision.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace holisafe::models::gemma3 {

Vision::Vision(const Config& config)
    : tower(config.vision),
      patches_per_side_(config.patches_per_side()),
      pooling_size_(config.pooling_size()),
      norm_{nn::shaped({config.vision.hidden_size}), config.vision.layer_norm_eps, /*unit_offset=*/true},
      projection_(nn::shaped({config.vision.hidden_size, config.text.hidden_size})) {}

torch::Tensor Vision::forward(const torch::Tensor& pixels) const {
  const std::int64_t channels = tower.config().hidden_size;
  const auto hidden = tower.final_norm(tower.hidden_states(pixels, tower.config().num_layers));
  const auto grid = hidden.transpose(1, 2).reshape(
      {hidden.size(0), channels, patches_per_side_, patches_per_side_});  // [B, C, rows, columns]
  const auto pooled = at::avg_pool2d(grid, {pooling_size_, pooling_size_}).flatten(2).transpose(1, 2);
  const auto normed = norm_.forward(pooled);  // [B, tokens_per_image, C]
  return at::matmul(normed, projection_.to(normed.scalar_type()));
}

void Vision::visit(nn::Visitor visitor) {
  visitor.part = nn::Part::vision;
  tower.visit("vision_tower", visitor);
  visitor.part = nn::Part::projector;
  norm_.visit("multi_modal_projector.mm_soft_emb_norm", visitor);
  visitor.tensor("multi_modal_projector.mm_input_projection_weight", projection_);
}

checkpoint::NameRules name_rules() {
  return {{
              {"model.language_model.model.", "language_model."},
              {"model.language_model.lm_head.", "lm_head."},
              {"model.language_model.", "language_model."},
              {"language_model.model.", "language_model."},
              {"language_model.lm_head.", "lm_head."},
              {"model.vision_tower.vision_model.", "vision_tower."},
              {"model.vision_tower.", "vision_tower."},
              {"vision_tower.vision_model.", "vision_tower."},
              {"model.multi_modal_projector.", "multi_modal_projector."},
              {"model.lm_head.", "lm_head."},
              {"model.", "language_model."},
          },
          {"rotary_emb.inv_freq", "embeddings.position_ids"},
          {{"vision_tower.", "vision tower"},
           {"multi_modal_projector.", "projector"},
           {"language_model.", "language model"}}};
}

}  // namespace holisafe::models::gemma3
