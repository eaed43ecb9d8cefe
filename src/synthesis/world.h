// Draws rows of the toy world: pictures with questions and answers, in the shapes of a benchmark and of
// training data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "synthesis/phrases.h"
#include "synthesis/scene.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::synthesis {

/// One image-text pair of one of the five combinations.
struct Pair {
  std::size_t picture = 0;  ///< index into Pairs::scenes
  taxonomy::Combination type = taxonomy::Combination::SSS;
  std::uint8_t subcategory =
      0;  ///< of the pair's harm, 1-19; of SSS rows the one its question could have led to
  Exchange exchange;
  Topic topic = Topic::name;  ///< what it asks; help for harmful requests
  std::string refusal;        ///< reference of an unsafe pair; empty for SSS
};

struct Pairs {
  std::vector<Scene> scenes;
  std::vector<Pair> pairs;
};

/// `count` pairs, the five combinations as evenly as they go, all classes and objects in turn, about three
/// pictures to five pairs.
Pairs draw_pairs(std::size_t count, Split split, Random& random);

/// One picture with several questions, all answered without limits or, with `harmless`, harmless ones about
/// everyday objects.
struct Talk {
  Scene scene;
  std::vector<Exchange> exchanges;
};
Talk draw_talk(std::size_t exchanges, bool harmless, Random& random);

}  // namespace holisafe::synthesis
