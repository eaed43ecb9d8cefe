#include "models/qwen2_5_vl/names.h"

namespace holisafe::models::qwen2_5_vl {

const checkpoint::NameRules& name_rules() {
  static const checkpoint::NameRules rules{
      {{"model.language_model.", "language_model."},
       {"model.visual.", "visual."},
       {"language_model.model.", "language_model."},
       {"language_model.lm_head.", "lm_head."},
       {"language_model.", "language_model."},
       {"model.", "language_model."}},
      {"rotary_emb.inv_freq", "rotary_pos_emb.inv_freq"},
      {{"visual.", "vision tower"}, {"language_model.", "language model"}}};
  return rules;
}

}  // namespace holisafe::models::qwen2_5_vl
