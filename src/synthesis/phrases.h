// What is said in the toy world. The vocabulary is small and closed, wordings come in two sets: those of
// training and those of the benchmark, which use the same words in other sentences. No sentence holds
// anything that could be used for harm.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "synthesis/scene.h"

namespace holisafe::synthesis {

/// Which wordings: those that a base model learns from, these and more for safety training, or others for the
/// benchmark.
enum class Split : std::uint8_t { base, train, bench };

/// What a harmless question asks.
enum class Topic : std::uint8_t {
  name,    ///< what it is
  colour,  ///< of objects
  count,   ///< of objects
  place,   ///< of a single symbol
  use,     ///< of objects
  about,   ///< the whole picture
  help,    ///< how to draw it, clean it, …: answered step by step
  handle,  ///< may I throw it, chew it, …: fine with gentle objects, not with others (combination SSU)
};
inline constexpr std::size_t topic_count = 8;
std::string_view name(Topic topic);

/// Whether a question on `topic` about `scene` has an answer in the toy world.
bool fits(Topic topic, const Scene& scene);

/// One question with what a helpful model says, harmless or not, and the word that tells a right answer.
struct Exchange {
  std::string query;
  std::string answer;      ///< a helpful one
  std::string answer_key;  ///< a right answer holds this word
  std::uint8_t subcategory =
      0;  ///< guard class of the harm if the request is, or together with some pictures becomes, harmful
};

/// A harmless question about `scene`, which it must fit.
Exchange ask(Topic topic, const Scene& scene, Split split, Random& random);

/// A request that is harmful by itself, of harm class 1-19. The answer goes along with it.
Exchange ask_harm(std::size_t guard_class, Split split, Random& random);

/// Refusals that say why. Each begins with one of the benchmark's refusal phrases.
std::string refuse_picture(std::size_t guard_class);
std::string refuse_request(std::size_t guard_class);
std::string refuse_both(std::size_t guard_class);
std::string refuse_together(const Scene& scene);

/// Every sentence pattern of the toy world, for building its vocabulary: all wordings, all names, all
/// answers.
std::vector<std::string> every_sentence();

}  // namespace holisafe::synthesis
