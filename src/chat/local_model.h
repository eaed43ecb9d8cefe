// A local checkpoint and how to run it; words as the flags of every command that runs a model take them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/progress.h"
#include "base/result.h"
#include "chat/chat.h"

namespace holisafe::chat {

struct ModelSettings {
  std::string model;    ///< checkpoint folder; empty: none
  std::string guard;    ///< plug-in file; empty: the checkpoint's own, if it has one
  std::string adapter;  ///< PEFT folder; may be empty
  std::string dtype = "float32";
  std::string device = "cpu";
  std::string prompt_template;     ///< empty: the checkpoint's
  std::string vision_tower;        ///< folder, for checkpoints without their own
  std::string image_aspect;        ///< empty: the checkpoint's
  int threads = 0;                 ///< 0: as many as processors
  std::size_t sequences = 8;       ///< answered at once
  std::size_t queue = 0;           ///< waiting beside them; 0: as many as are made ready ahead
  std::uint64_t image_bytes = 0;   ///< of an image file at most; 0: as the decoder's own limit
  std::uint64_t image_pixels = 0;  ///< of an image at most; 0: the same
  std::uint64_t cache_bytes =
      0;  ///< for keys and values; 0: 2 GiB, or what so many sequences need where that is more
};

/// Opens a checkpoint as an answerer; given by whoever can run one (LibTorch lies in a module of its own).
/// The flag, where it is urgent, makes it give up the answer under way. Errors: those of reading a
/// checkpoint.
using OpenModel =
    std::function<Result<std::unique_ptr<Answerer>>(const ModelSettings& settings, const StopFlag* stop)>;

}  // namespace holisafe::chat
