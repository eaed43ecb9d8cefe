// The formats of the table, one function a file.
#pragma once

#include "guard_formats/guard_format.h"

namespace holisafe::guard_formats {

/// Llama Guard 3 Vision and 4 (model cards of meta-llama): `safe`, or `unsafe` and codes of hazards below.
const GuardFormat& llama_guard();
/// LlavaGuard and QwenGuard (model cards of AIML-TUDA): JSON with rating, category and rationale.
const GuardFormat& llavaguard();
/// ShieldGemma 2 (model card of google/shieldgemma-2-4b-it): the probability of Yes for each policy.
const GuardFormat& shieldgemma();
/// The moderation API of OpenAI: /v1/moderations with omni-moderation-latest.
const GuardFormat& omni_moderation();
/// {"image","flagged","score"}: any other guard.
const GuardFormat& plain();
/// What `holisafe guard --json` prints.
const GuardFormat& holisafe();

}  // namespace holisafe::guard_formats
