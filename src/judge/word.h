// From an LLM judge's answer to its word.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace holisafe::judge {

/// Which of the words a judge said, and where it said none, why.
struct Said {
  std::optional<std::size_t> word;
  std::string reason = {};  ///< of none; one line
  bool tagged = false;      ///< whether a tag stands in the answer at all
};

/// The answer must hold `<label>WORD</label>` with one of `words`, in any case of letters and
/// with white space inside the tag, and markdown, quotes or a full stop around the word; other text may stand
/// around it. No tag, another word in it, or tags that contradict each other are no word: the judge may have
/// quoted the answer it judges. Tags of that answer that were defused (material.h) give no word, and
/// contradict another one.
Said read_word(std::string_view answer, std::span<const std::string_view> words);

}  // namespace holisafe::judge
