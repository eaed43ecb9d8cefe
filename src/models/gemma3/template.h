// Gemma 3's chat template, and what an image becomes in it.
#pragma once

#include <span>

#include "base/result.h"
#include "models/model.h"
#include "models/prompt.h"

namespace holisafe::models::gemma3 {

/// The special tokens that the template writes.
inline constexpr std::string_view begin_text_token = "<bos>";
inline constexpr std::string_view begin_turn_token = "<start_of_turn>";
inline constexpr std::string_view end_turn_token = "<end_of_turn>";
inline constexpr std::string_view begin_image_token = "<start_of_image>";
inline constexpr std::string_view image_token = "<image_soft_token>";
inline constexpr std::string_view end_image_token = "<end_of_image>";

/// `<bos>` once; the system's text and an empty line before the first user's turn; images where they stand;
/// every piece of text stripped but the system's. Errors: those of check_turns().
Result<PromptText> fill_template(const chat::Conversation& conversation,
                                 std::span<const ProcessedImage> images);

}  // namespace holisafe::models::gemma3
