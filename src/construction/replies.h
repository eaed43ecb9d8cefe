// From what a model said to the object that was asked for.
#pragma once

#include <string>

#include "chat/chat.h"
#include "construction/work.h"

namespace holisafe::construction {

/// What a reply comes to. `object` holds the step's fields alone, in their order.
struct Reading {
  KeptReply::Kind kind = KeptReply::Kind::broken;
  std::string object;
  std::string reason;  ///< of declined and broken, one line
};

/// Sound: one JSON object stands in the text, with all fields of the step of the right type (texts not
/// blank, a label that is a class or "quarantine"), whatever fences and words stand around it, and it was not
/// cut. Declined: a text in the field for refusals, a content filter, a text without an object that begins as
/// a refusal (judge::begins_as_refusal()), an object whose instruction does. Broken: all else. Reasoning in
/// tags is no part of the text.
Reading reading_of(Step step, const chat::Reply& reply);

}  // namespace holisafe::construction
