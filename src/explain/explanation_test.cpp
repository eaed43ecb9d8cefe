#include "explain/explanation.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"

namespace holisafe::explain {
namespace {

using testing::HasSubstr;
using testing::Not;

Piece piece(std::int64_t rows, std::int64_t columns, std::vector<double> values, double side = 10) {
  return {{0, 0, side * static_cast<double>(columns), side * static_cast<double>(rows), rows, columns},
          std::move(values)};
}

/// As the contract says it, every range of cells in turn.
std::optional<CellRange> by_hand(const Piece& piece) {
  const auto held = [&](const CellRange& range) {
    double sum = 0;
    for (auto row = range.top; row < range.bottom; ++row) {
      for (auto column = range.left; column < range.right; ++column)
        sum += std::max(piece.value(row, column), 0.0);
    }
    return sum;
  };
  const CellRange all{0, 0, piece.frame.rows, piece.frame.columns};
  if (held(all) <= 0) return std::nullopt;
  std::optional<CellRange> best;
  for (std::int64_t top = 0; top < all.bottom; ++top) {
    for (std::int64_t left = 0; left < all.right; ++left) {
      for (std::int64_t bottom = top + 1; bottom <= all.bottom; ++bottom) {
        for (std::int64_t right = left + 1; right <= all.right; ++right) {
          const CellRange range{top, left, bottom, right};
          if (held(range) < 0.8 * held(all)) continue;
          const bool less = best && (range.cells() < best->cells() ||
                                     (range.cells() == best->cells() && held(range) > held(*best)));
          if (!best || less) best = range;
        }
      }
    }
  }
  return best;
}

TEST(LogOdds, AreThoseOfTheProbability) {
  const std::vector<float> logits{1.0F, -2.0F, 0.5F};
  for (const double temperature : {0.5, 1.0, 3.0}) {
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit) / temperature);
    for (std::size_t label = 0; label < 3; ++label) {
      const double p = std::exp(static_cast<double>(logits[label]) / temperature) / sum;
      EXPECT_NEAR(log_odds(logits, temperature, label), std::log(p / (1 - p)), 1e-12);
    }
  }
}

TEST(LogOdds, StayFiniteWhereNothingIsLeft) {
  const std::vector<float> sure{3000.0F, -2000.0F, -2001.0F};
  EXPECT_NEAR(log_odds(sure, 1, 0), 5000 - std::log1p(std::exp(-1)), 1e-9);
  EXPECT_NEAR(log_odds(sure, 1, 1), -5000, 1e-9);
}

TEST(StrongestCells, AreTheSmallestRangeWithFourFifths) {
  Random random(7);
  for (int round = 0; round < 60; ++round) {
    const auto rows = static_cast<std::int64_t>(1 + random.next() % 6);
    const auto columns = static_cast<std::int64_t>(1 + random.next() % 6);
    std::vector<double> values;
    // Small whole numbers, so that ranges tie.
    for (std::int64_t i = 0; i < rows * columns; ++i)
      values.push_back(static_cast<double>(random.next() % 7) - (round % 2 == 0 ? 3.0 : 0.0));
    const Piece tried = piece(rows, columns, values);
    EXPECT_EQ(strongest_cells(tried), by_hand(tried)) << round;
  }
}

TEST(StrongestCells, AreNoneWhereNothingSpeaksForTheClass) {
  EXPECT_FALSE(strongest_cells(piece(1, 2, {0, 0})));
  EXPECT_FALSE(strongest_cells(piece(1, 2, {-1, -2})));
  EXPECT_EQ(strongest_cells(piece(1, 2, {-1, 1e-300})), (CellRange{0, 1, 1, 2}));
}

TEST(StrongestBox, IsInWholePixelsInsideThePicture) {
  // Cells of 2.5 x 2.5 pixels.
  EXPECT_EQ(strongest_box(std::vector{piece(2, 4, {0, 1, 0, 0, 0, 0, 0, 0}, 2.5)}, 10, 5), (Box{2, 0, 5, 3}));
  // A padded square: the frame reaches above and below the picture.
  Piece padded = piece(4, 4, {0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0});
  padded.frame.top = -12;
  padded.frame.bottom = 28;
  EXPECT_EQ(strongest_box(std::vector{padded}, 40, 16), (Box{30, 0, 40, 8}));
  // 1 x 1 pixels: every cell is that pixel.
  Piece tiny = piece(3, 3, {0, 0, 0, 0, 1, 0, 0, 0, 0}, 1.0 / 3);
  EXPECT_EQ(strongest_box(std::vector{tiny}, 1, 1), (Box{0, 0, 1, 1}));
}

TEST(StrongestBox, IsOfThePieceWithTheLargestValue) {
  Piece second = piece(1, 2, {0, 7});
  second.frame.left += 100;
  second.frame.right += 100;
  EXPECT_EQ(strongest_box(std::vector{piece(1, 2, {6, 6}), second}, 200, 10), (Box{110, 0, 120, 10}));
  EXPECT_FALSE(strongest_box(std::vector{piece(1, 2, {0, -7})}, 20, 10));
}

TEST(Cells, ShowThePictureOrOnlyPadding) {
  const image::Frame frame{0, -10, 40, 30, 4, 4};
  EXPECT_FALSE(shows_picture(frame, 0, 0, 40, 20));
  EXPECT_TRUE(shows_picture(frame, 1, 0, 40, 20));
  EXPECT_FALSE(shows_picture(frame, 3, 0, 40, 20));
  EXPECT_TRUE(shows_picture(frame, 3, 0, 40, 21));
  EXPECT_TRUE(lies_in(frame, 1, 1, {10, 0, 20, 10}));
  EXPECT_FALSE(lies_in(frame, 1, 2, {10, 0, 20, 10}));
  EXPECT_FALSE(lies_in(frame, 0, 1, {10, 0, 20, 10}));
}

TEST(Blocks, AreAtMostEightASide) {
  for (const auto& [rows, columns] :
       {std::pair<std::int64_t, std::int64_t>{1, 1}, {8, 8}, {9, 3}, {24, 24}, {27, 27}, {5, 40}, {1, 100}}) {
    const auto cut = blocks(rows, columns);
    EXPECT_LE(cut.size(), 64U);
    std::int64_t cells = 0;
    for (const CellRange& block : cut) {
      EXPECT_LE(block.bottom, rows);
      EXPECT_LE(block.right, columns);
      cells += block.cells();
    }
    EXPECT_EQ(cells, rows * columns);
  }
  EXPECT_EQ(blocks(24, 24)[1], (CellRange{0, 3, 3, 6}));
  EXPECT_EQ(blocks(9, 3).back(), (CellRange{8, 2, 9, 3}));
}

TEST(Place, IsTheThirdOfTheCentre) {
  EXPECT_EQ(place_of({0, 0, 10, 10}, 90, 90), "upper left");
  EXPECT_EQ(place_of({40, 0, 50, 10}, 90, 90), "top");
  EXPECT_EQ(place_of({80, 0, 90, 10}, 90, 90), "upper right");
  EXPECT_EQ(place_of({0, 40, 10, 50}, 90, 90), "left");
  EXPECT_EQ(place_of({0, 0, 90, 90}, 90, 90), "middle");
  EXPECT_EQ(place_of({80, 40, 90, 50}, 90, 90), "right");
  EXPECT_EQ(place_of({0, 80, 10, 90}, 90, 90), "lower left");
  EXPECT_EQ(place_of({40, 80, 50, 90}, 90, 90), "bottom");
  EXPECT_EQ(place_of({80, 80, 90, 90}, 90, 90), "lower right");
  EXPECT_EQ(place_of({0, 0, 1, 1}, 1, 1), "middle");
}

TEST(Reason, SaysWhatWasTested) {
  Explanation told{"a.png", 90, 90, Method::gradient, 16, 0.992, 4.8, {}, Box{0, 0, 30, 30}, 0.031};
  EXPECT_EQ(
      reason(told),
      "The guard gives weapon_related_violence 99.2% for what is at the upper left: without that it gives "
      "3.1%.");
  told.without = 0.6;
  EXPECT_THAT(reason(told), HasSubstr("without that it still gives 60.0%"));
  EXPECT_THAT(reason(told), HasSubstr("the box alone does not explain the verdict"));
  told.without = 0.496;  // half of it
  EXPECT_THAT(reason(told), Not(HasSubstr("does not explain")));
  told.box.reset();
  told.without.reset();
  EXPECT_EQ(reason(told),
            "The guard gives weapon_related_violence 99.2%, but nothing in particular in the picture speaks "
            "for it.");
}

TEST(Methods, HaveNames) {
  for (const Method method : methods) EXPECT_EQ(parse_method(name(method)), method);
  EXPECT_FALSE(parse_method("gradients"));
}

}  // namespace
}  // namespace holisafe::explain
