// What labellers make of an image.
#pragma once

#include <span>
#include <string>

#include "construction/work.h"

namespace holisafe::construction {

/// Puts the labellers' words, all of them in the order of `labellers`, into an image that brought no label:
/// one "quarantine" is enough; else the class that most said, which becomes its label; a tie is `disputed`,
/// no word `unlabelled`. False where a labeller has neither spoken nor declined: the image stays as it is.
bool take_votes(ImageRow& image, std::span<const KeptReply> replies, std::span<const std::string> labellers);

}  // namespace holisafe::construction
