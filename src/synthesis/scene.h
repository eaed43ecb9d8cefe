// A picture of the toy world: what is on it, and its pixels.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "image/image.h"
#include "synthesis/symbols.h"

namespace holisafe::synthesis {

struct NamedColour {
  std::string_view name;
  Colour colour;
};
/// The colours symbols are said to have.
std::span<const NamedColour> palette();

enum class Place : std::uint8_t { left, right, top, bottom, middle };
inline constexpr std::size_t place_count = 5;
std::string_view name(Place place);

inline constexpr int max_count = 3;

/// What a question can be asked about.
struct Scene {
  const Symbol* symbol = nullptr;
  std::size_t colour = 0;       ///< index into palette()
  int count = 1;                ///< 1 to max_count of the same symbol
  Place place = Place::middle;  ///< of a single symbol; several lie in the middle
};

/// Whole pixels, right and bottom excluded.
struct Box {
  int left = 0;
  int top = 0;
  int right = 0;
  int bottom = 0;
};

struct Drawn {
  image::Image picture;
  std::vector<Box> boxes;  ///< around each symbol's ink, in the order in which they were drawn
};

/// The scene as a square picture of `size` pixels a side (16 to 1024). Where exactly things stand, their size
/// and turn, the ground, clutter and noise come from `random`. The same state of `random` gives the same
/// bytes. Errors: internal (Cairo fails).
Result<Drawn> render(const Scene& scene, int size, Random& random);

enum class Corner : std::uint8_t { upper_left, upper_right, lower_right, lower_left };
inline constexpr std::size_t corner_count = 4;
/// "upper left", …
std::string_view name(Corner corner);

/// A sign in a corner and an object in the opposite one.
struct Beside {
  const Symbol* sign = nullptr;
  const Symbol* object = nullptr;
  Corner corner = Corner::upper_left;  ///< of the sign
};

/// The same of two symbols of random colours, the sign 28 to 32 of 64 parts of the picture's side, the object
/// half of that: the sign's box, then the object's.
Result<Drawn> render_beside(const Beside& beside, int size, Random& random);

/// A sheet of pictures, for people to look at: one row a symbol with its name, `columns` variations each.
Result<image::Image> contact_sheet(int size, int columns, std::uint64_t seed);

}  // namespace holisafe::synthesis
