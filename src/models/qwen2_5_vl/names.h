// What the tensors of Qwen2.5-VL are called in the files of the versions that wrote them.
#pragma once

#include "checkpoint/match.h"

namespace holisafe::models::qwen2_5_vl {

/// To canonical names (`language_model.…`, `visual.…`, `lm_head.weight`) from `model.layers…` beside
/// `visual…` (transformers before 4.52, and the released files), `model.language_model…` beside
/// `model.visual…` (4.52 on), and `language_model.model…`.
const checkpoint::NameRules& name_rules();

}  // namespace holisafe::models::qwen2_5_vl
