// Learning-rate schedule: linear warm-up, then constant or cosine, as transformers'
// get_cosine_schedule_with_warmup.
#pragma once

#include <cstdint>

namespace holisafe::train {

enum class Decay { constant, cosine };

/// Factor on every group's rate at optimizer step `step` (counted from 1) of `steps`. With w =
/// ceil(warmup_ratio x steps) and n = step - 1: n / w while n < w (so the first step of a warm-up has rate
/// 0), then 1, or half a cosine down to 0.
double rate_factor(Decay decay, double warmup_ratio, std::int64_t step, std::int64_t steps);

}  // namespace holisafe::train
