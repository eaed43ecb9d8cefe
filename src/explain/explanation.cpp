#include "explain/explanation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include <fmt/format.h>

#include "taxonomy/taxonomy.h"

namespace holisafe::explain {
namespace {

constexpr double held_share = 0.8;
constexpr std::int64_t blocks_a_side = 8;
/// Sums of a few thousand numbers differ by less than this share with the order in which they are added.
constexpr double rounding = 1e-12;
/// Pixels: an edge so near to a whole pixel lies on it.
constexpr double on_edge = 1e-6;

/// The smallest range so far.
class Smallest {
 public:
  explicit Smallest(double total) : total_(total) {}

  void offer(const CellRange& range, double held) {
    if (!found_ || is_better(range, held)) {
      found_ = range;
      held_ = held;
    }
  }
  /// Whether a range of so many rows may still be the smallest.
  [[nodiscard]] bool may_have(std::int64_t rows) const { return !found_ || rows <= found_->cells(); }
  [[nodiscard]] const std::optional<CellRange>& found() const { return found_; }

 private:
  [[nodiscard]] bool is_better(const CellRange& range, double held) const {
    if (range.cells() != found_->cells()) return range.cells() < found_->cells();
    if (std::abs(held - held_) > rounding * total_) return held > held_;
    return std::tie(range.top, range.left) < std::tie(found_->top, found_->left);
  }

  double total_;
  std::optional<CellRange> found_;
  double held_ = 0;
};

/// Of the ranges of these rows, each of the shortest from its left edge that holds `wanted`. `sums`: of the
/// columns before each.
void offer_ranges(std::int64_t top, std::int64_t bottom, const std::vector<double>& sums, double wanted,
                  Smallest& smallest) {
  const auto columns = static_cast<std::int64_t>(sums.size()) - 1;
  const auto before = [&](std::int64_t column) { return sums[static_cast<std::size_t>(column)]; };
  std::int64_t right = 0;
  for (std::int64_t left = 0; left < columns; ++left) {
    right = std::max(right, left + 1);
    while (right < columns && before(right) - before(left) < wanted) ++right;
    const double held = before(right) - before(left);
    if (held < wanted) return;
    smallest.offer({top, left, bottom, right}, held);
  }
}

int down(double edge, int most) {
  return std::clamp(static_cast<int>(std::floor(std::clamp(edge + on_edge, 0.0, double{1 << 30}))), 0, most);
}
int up(double edge, int most) {
  return std::clamp(static_cast<int>(std::ceil(std::clamp(edge - on_edge, 0.0, double{1 << 30}))), 0, most);
}

/// 0, 1 or 2.
std::size_t third_of(int from, int to, int length) {
  const std::int64_t twice = std::int64_t{from} + to;
  if (3 * twice < std::int64_t{2} * length) return 0;
  return 3 * twice < std::int64_t{4} * length ? 1 : 2;
}

std::string_view where(const Box& box, int width, int height) {
  constexpr std::array<std::string_view, 9> words{"at the upper left", "at the top",    "at the upper right",
                                                  "at the left",       "in the middle", "at the right",
                                                  "at the lower left", "at the bottom", "at the lower right"};
  return words[3 * third_of(box.top, box.bottom, height) + third_of(box.left, box.right, width)];
}

}  // namespace

std::string_view name(Method method) { return method == Method::gradient ? "gradient" : "occlusion"; }

std::optional<Method> parse_method(std::string_view text) {
  for (const Method method : methods) {
    if (name(method) == text) return method;
  }
  return std::nullopt;
}

double log_odds(std::span<const float> logits, double temperature, std::size_t label) {
  double largest = -std::numeric_limits<double>::infinity();
  const auto scaled = [&](std::size_t i) { return static_cast<double>(logits[i]) / temperature; };
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (i != label) largest = std::max(largest, scaled(i));
  }
  double sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (i != label) sum += std::exp(scaled(i) - largest);
  }
  return scaled(label) - largest - std::log(sum);
}

bool shows_picture(const image::Frame& frame, std::int64_t row, std::int64_t column, int width, int height) {
  const double left = frame.left + frame.cell_width() * static_cast<double>(column);
  const double top = frame.top + frame.cell_height() * static_cast<double>(row);
  return left < width - on_edge && left + frame.cell_width() > on_edge && top < height - on_edge &&
         top + frame.cell_height() > on_edge;
}

bool lies_in(const image::Frame& frame, std::int64_t row, std::int64_t column, const Box& box) {
  const double x = frame.left + frame.cell_width() * (static_cast<double>(column) + 0.5);
  const double y = frame.top + frame.cell_height() * (static_cast<double>(row) + 0.5);
  return x >= box.left && x < box.right && y >= box.top && y < box.bottom;
}

std::optional<CellRange> strongest_cells(const Piece& piece) {
  const std::int64_t rows = piece.frame.rows;
  const std::int64_t columns = piece.frame.columns;
  double total = 0;
  for (const double value : piece.values) total += std::max(value, 0.0);
  if (!(total > 0)) return std::nullopt;
  const double wanted = held_share * total * (1 - rounding);
  Smallest smallest(total);
  for (std::int64_t top = 0; top < rows; ++top) {
    std::vector<double> held(static_cast<std::size_t>(columns));  // of each column from `top` on
    std::vector<double> sums(static_cast<std::size_t>(columns) + 1);
    for (std::int64_t bottom = top + 1; bottom <= rows && smallest.may_have(bottom - top); ++bottom) {
      for (std::size_t column = 0; column < held.size(); ++column) {
        held[column] += std::max(piece.value(bottom - 1, static_cast<std::int64_t>(column)), 0.0);
        sums[column + 1] = sums[column] + held[column];
      }
      if (sums.back() >= wanted) offer_ranges(top, bottom, sums, wanted, smallest);
    }
  }
  return smallest.found();
}

std::optional<Box> strongest_box(std::span<const Piece> pieces, int width, int height) {
  const Piece* strongest = nullptr;
  double largest = 0;
  for (const Piece& piece : pieces) {
    const double most = *std::max_element(piece.values.begin(), piece.values.end());
    if (most <= largest) continue;
    largest = most;
    strongest = &piece;
  }
  if (strongest == nullptr) return std::nullopt;
  const auto cells = strongest_cells(*strongest);
  if (!cells) return std::nullopt;
  const image::Frame& frame = strongest->frame;
  const auto x = [&](std::int64_t column) {
    return frame.left + frame.cell_width() * static_cast<double>(column);
  };
  const auto y = [&](std::int64_t row) { return frame.top + frame.cell_height() * static_cast<double>(row); };
  Box box{down(x(cells->left), width - 1), down(y(cells->top), height - 1), up(x(cells->right), width),
          up(y(cells->bottom), height)};
  box.right = std::max(box.right, box.left + 1);
  box.bottom = std::max(box.bottom, box.top + 1);
  return box;
}

std::vector<CellRange> blocks(std::int64_t rows, std::int64_t columns) {
  const std::int64_t side = (std::max(rows, columns) + blocks_a_side - 1) / blocks_a_side;
  std::vector<CellRange> out;
  for (std::int64_t top = 0; top < rows; top += side) {
    for (std::int64_t left = 0; left < columns; left += side)
      out.push_back({top, left, std::min(top + side, rows), std::min(left + side, columns)});
  }
  return out;
}

std::string_view place_of(const Box& box, int width, int height) {
  // "in the middle" without its first two words, as all the others.
  const std::string_view words = where(box, width, height);
  return words.substr(words.find(" the ") + 5);
}

std::string reason(const Explanation& explanation) {
  const std::string said =
      fmt::format("The guard gives {} {:.1f}%", taxonomy::classes()[explanation.label].name,
                  100 * explanation.probability);
  if (!explanation.box || !explanation.without)
    return said + ", but nothing in particular in the picture speaks for it.";
  const auto place = where(*explanation.box, explanation.width, explanation.height);
  const double without = *explanation.without;
  if (without > explanation.probability / 2) {
    return fmt::format(
        "{}, most of all for what is {}; without that it still gives {:.1f}%: the box alone does not explain "
        "the verdict.",
        said, place, 100 * without);
  }
  return fmt::format("{} for what is {}: without that it gives {:.1f}%.", said, place, 100 * without);
}

}  // namespace holisafe::explain
