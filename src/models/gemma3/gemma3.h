// Gemma 3 (arXiv 2503.19786) with images: 4B, 12B and 27B, and the SafeGem checkpoints made from them.
//
// Reading order: config.h, processor.h, vision.h, template.h; the decoder is nn/decoder.h.
#pragma once

#include "models/model.h"

namespace holisafe::models::gemma3 {

/// The line of the registry.
Family family();

}  // namespace holisafe::models::gemma3
