#include "models/llava/names.h"

#include <span>
#include <string_view>

namespace holisafe::models::llava {
namespace {

struct Renaming {
  std::string_view from;
  std::string_view to;
};

std::string renamed(const std::string& name, std::span<const Renaming> table) {
  for (const Renaming& entry : table) {
    if (name.starts_with(entry.from)) return std::string(entry.to) + name.substr(entry.from.size());
  }
  return name;
}

}  // namespace

const checkpoint::NameRules& name_rules() {
  static const checkpoint::NameRules rules{
      {
          {"model.language_model.model.", "language_model."},
          {"model.language_model.lm_head.", "lm_head."},
          {"model.language_model.", "language_model."},
          {"language_model.model.", "language_model."},
          {"language_model.lm_head.", "lm_head."},
          {"language_model.", "language_model."},
          {"model.vision_tower.vision_tower.vision_model.", "vision_tower."},
          {"model.vision_tower.vision_tower.", "vision_tower."},
          {"model.vision_tower.vision_model.", "vision_tower."},
          {"model.vision_tower.", "vision_tower."},
          {"vision_tower.vision_tower.vision_model.", "vision_tower."},
          {"vision_tower.vision_tower.", "vision_tower."},
          {"vision_tower.vision_model.", "vision_tower."},
          {"vision_tower.", "vision_tower."},
          {"model.multi_modal_projector.", "multi_modal_projector."},
          {"model.mm_projector.0.", "multi_modal_projector.linear_1."},
          {"model.mm_projector.2.", "multi_modal_projector.linear_2."},
          {"mm_projector.0.", "multi_modal_projector.linear_1."},
          {"mm_projector.2.", "multi_modal_projector.linear_2."},
          {"model.lm_head.", "lm_head."},
          {"model.embed_tokens.", "language_model.embed_tokens."},
          {"model.layers.", "language_model.layers."},
          {"model.norm.", "language_model.norm."},
      },
      {"embeddings.position_ids", "rotary_emb.inv_freq"},
      {{"vision_tower.", "vision tower"},
       {"multi_modal_projector.", "projector"},
       {"language_model.", "language model"}}};
  return rules;
}

std::string original_name(const std::string& canonical) {
  static constexpr Renaming table[] = {
      {"vision_tower.", "model.vision_tower.vision_tower.vision_model."},
      {"multi_modal_projector.linear_1.", "model.mm_projector.0."},
      {"multi_modal_projector.linear_2.", "model.mm_projector.2."},
      {"language_model.", "model."},
  };
  return renamed(canonical, table);
}

std::string hf_name(const std::string& canonical) {
  static constexpr Renaming table[] = {
      {"vision_tower.", "vision_tower.vision_model."},
      {"language_model.", "language_model.model."},
      {"lm_head.", "language_model.lm_head."},
  };
  return renamed(canonical, table);
}

}  // namespace holisafe::models::llava
