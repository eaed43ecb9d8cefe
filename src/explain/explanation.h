// Why a picture got its verdict: how much each cell of what the model looked at speaks for a class, as a map,
// a box and a sentence.
//
//   Explanation explanation = …;                                 // values: engine/explain.h
//   explanation.box = strongest_box(explanation.pieces, width, height);
//   reason(explanation);  // "The guard gives weapon_related_violence 99.2% for what is at the upper left: …"
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "image/frame.h"

namespace holisafe::explain {

/// How a cell's value is found. Both are about f = ln(p / (1 - p)) of one class, p being the guard's
/// probability.
enum class Method {
  gradient,   ///< sum over the cell's pixels of df/dx (x - mean colour)
  occlusion,  ///< f minus f with the cell's block painted in the mean colour
};
inline constexpr std::array<Method, 2> methods{Method::gradient, Method::occlusion};
std::string_view name(Method method);
/// Nothing for any other text.
std::optional<Method> parse_method(std::string_view text);

/// f from the guard's logits, finite also where 1 - p rounds to 0. `temperature` is positive, `label` an
/// index of `logits`.
double log_odds(std::span<const float> logits, double temperature, std::size_t label);

/// Whole pixels of the upright picture, right and bottom excluded.
struct Box {
  int left = 0;
  int top = 0;
  int right = 0;
  int bottom = 0;
  bool operator==(const Box&) const = default;
};

/// One piece of what the model looked at: the picture, or a part that it looked at again (pan and scan).
struct Piece {
  image::Frame frame;
  std::vector<double> values;  ///< rows x columns, row by row; 0 where a cell shows nothing of the picture

  [[nodiscard]] double value(std::int64_t row, std::int64_t column) const {
    return values[static_cast<std::size_t>(row * frame.columns + column)];
  }
};

struct Explanation {
  std::string path;  ///< of the picture, any bytes
  int width = 0;     ///< of the upright picture
  int height = 0;
  Method method = Method::gradient;
  std::size_t label = 0;   ///< of the class that is explained, 1-19
  double probability = 0;  ///< of that class
  double log_odds = 0;     ///< f
  std::vector<Piece> pieces;
  std::optional<Box> box;         ///< nothing where no value is positive
  std::optional<double> without;  ///< the class's probability with the box painted over; there where `box` is
};

/// Whether a cell shows some of a picture of that size.
bool shows_picture(const image::Frame& frame, std::int64_t row, std::int64_t column, int width, int height);

/// Whether a cell's centre lies in the box.
bool lies_in(const image::Frame& frame, std::int64_t row, std::int64_t column, const Box& box);

/// Cells [top, bottom) x [left, right) of a grid.
struct CellRange {
  std::int64_t top = 0;
  std::int64_t left = 0;
  std::int64_t bottom = 0;
  std::int64_t right = 0;
  [[nodiscard]] std::int64_t cells() const { return (bottom - top) * (right - left); }
  bool operator==(const CellRange&) const = default;
};

/// The smallest range that holds at least 80% of a piece's positive values: of equally many cells the one
/// that holds more, then the topmost, then the leftmost. Nothing where no value is positive.
std::optional<CellRange> strongest_cells(const Piece& piece);

/// strongest_cells() of the piece with the largest value, outwards to whole pixels, inside the picture.
std::optional<Box> strongest_box(std::span<const Piece> pieces, int width, int height);

/// Squares of ceil(longer side / 8) cells from the upper left corner, cut at the edges: at most 64.
std::vector<CellRange> blocks(std::int64_t rows, std::int64_t columns);

/// The third of the picture, in both directions, in which the box's centre lies: "upper left", "top",
/// "middle", …
std::string_view place_of(const Box& box, int width, int height);

/// One sentence made from class, probability, place and what the guard says without the box.
std::string reason(const Explanation& explanation);

}  // namespace holisafe::explain
