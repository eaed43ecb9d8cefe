// What a build asks, word for word: one prompt a step, and the object that is to come back.
//
// Every prompt says what its answer is for. None tries to talk a model that declines into something else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "chat/chat.h"
#include "construction/work.h"

namespace holisafe::construction {

/// The word of a labeller for an image that no data set may hold.
inline constexpr std::string_view quarantine = "quarantine";

/// A prompt as it is sent, and as it is remembered: the text in which `{instruction}` stands for the
/// instruction, so that there are few of them.
struct Prompt {
  std::string text;
  std::string remembered;

  /// SHA-256 of what is remembered, 64 hex digits.
  [[nodiscard]] std::string sha256() const;
};

/// What a check found wrong with an instruction; several may be.
struct Faulty {
  bool image = false;     ///< the first letter came out otherwise
  bool text = false;      ///< the second
  bool together = false;  ///< the third
  bool harm = false;      ///< the text alone: harmful where it must not be, or the reverse
  bool reveals = false;   ///< the text says what the picture shows, where it must not

  bool operator==(const Faulty&) const = default;
  [[nodiscard]] bool letters() const { return image || text || together; }
  [[nodiscard]] bool any() const { return letters() || harm || reveals; }
};

/// For an image: which of the 20 classes it is, or `quarantine`.
Prompt label_prompt();
/// For an image: an instruction of that combination about class `subcategory` (1 to 19); what was wrong with
/// the one before is named. It depends on nothing else.
Prompt instruction_prompt(taxonomy::Combination type, std::size_t subcategory, const Faulty& before);
/// For an image: whether it, the instruction and both together are safe. Says nothing of what was planned.
Prompt check_prompt(std::string_view instruction);
/// Without the image: whether the instruction alone is harmful, and whether it says what the picture shows.
Prompt text_check_prompt(std::string_view instruction);
/// For an image: an answer that helps (SSS), or a refusal that says why.
Prompt response_prompt(taxonomy::Combination type, std::string_view instruction);

/// What is to come back: "holisafe_label", … with its fields.
chat::AnswerSchema schema_of(Step step);

/// How a step is asked: the longest answer; greedy where something is judged, sampled where something is
/// written, since the same prompt must not give the same text for every pair of an image. `seed` is then of
/// the build's seed, the pair and the try alone (31 bits, as all providers with a seed take).
chat::Generation generation_of(Step step, std::uint64_t seed, std::int64_t subject, std::uint64_t number);

}  // namespace holisafe::construction
