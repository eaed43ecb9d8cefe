// Whoever explains verdicts, as those see it who need no tensors.
#pragma once

#include "base/result.h"
#include "chat/chat.h"
#include "explain/explanation.h"
#include "image/image.h"

namespace holisafe::explain {

struct Explained {
  Explanation explanation;
  image::Image picture;  ///< upright
};

/// One thread at a time.
class ImageExplainer {
 public:
  ImageExplainer() = default;
  ImageExplainer(const ImageExplainer&) = delete;
  ImageExplainer& operator=(const ImageExplainer&) = delete;
  virtual ~ImageExplainer() = default;

  /// The most probable harm of the verdict on an image alone. Errors: those of reading the image, of the
  /// model, not_finite, interrupted.
  virtual Result<Explained> explain(const chat::Image& image) = 0;
};

}  // namespace holisafe::explain
