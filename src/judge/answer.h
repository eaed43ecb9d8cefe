// What a model said, apart from what it thought aloud before it.
#pragma once

#include <optional>
#include <string_view>

namespace holisafe::judge {

/// The answer in `text`: what stands after the last `</think>`, or all of it where there is none (templates
/// may open the block in the prompt, so that only its end is seen). Nothing where only white space is left,
/// or a
/// `<think>` is not closed: nothing was said then. Never allocates.
std::optional<std::string_view> answer_in(std::string_view text);

/// Whether a `<think>` or `</think>` stands in `text`.
bool holds_reasoning(std::string_view text);

}  // namespace holisafe::judge
