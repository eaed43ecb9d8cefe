#include "construction/share_out.h"

#include <array>
#include <chrono>
#include <cmath>

#include <gmock/gmock.h>

#include "base/random.h"

namespace holisafe::construction {
namespace {

constexpr std::uint32_t subcategories = 19;
constexpr std::uint32_t combinations = 5;

std::vector<std::uint32_t> combination_of_cell() {
  std::vector<std::uint32_t> out;
  for (std::uint32_t i = 0; i < subcategories * combinations; ++i) out.push_back(i % combinations);
  return out;
}

/// An image of a data set: a safe one has a pair in each of three combinations, an unsafe one in two.
std::vector<CellPairs> drawn_image(Random& random, std::uint32_t pairs) {
  const auto draw = [&](std::size_t size) {
    return static_cast<std::uint32_t>(scale(static_cast<std::uint32_t>(random.next()), size));
  };
  // Classes are rare and frequent, as they are.
  const std::uint32_t subcategory = std::min(draw(subcategories), draw(subcategories));
  std::vector<CellPairs> out;
  const bool safe = draw(3) != 0;
  for (const std::uint32_t combination :
       safe ? std::vector<std::uint32_t>{0, 1, 3} : std::vector<std::uint32_t>{2, 4})
    out.push_back({subcategory * combinations + combination, pairs});
  return out;
}

struct Shared {
  std::vector<double> all, bench;  ///< by cell, then by combination, then of everything
};

Shared sums(const ClusterCells& clusters, const std::vector<bool>& bench) {
  constexpr std::size_t cells = std::size_t{subcategories} * combinations;
  Shared out;
  out.all.resize(cells + combinations + 1);
  out.bench = out.all;
  for (std::size_t i = 0; i < clusters.size(); ++i) {
    for (const CellPairs& each : clusters[i]) {
      for (const std::size_t at :
           {std::size_t{each.cell}, cells + each.cell % combinations, cells + combinations}) {
        out.all[at] += each.pairs;
        if (bench[i]) out.bench[at] += each.pairs;
      }
    }
  }
  return out;
}

void expect_shared_out(const ClusterCells& clusters, double share, std::uint64_t seed) {
  const auto groups = combination_of_cell();
  const std::vector<bool> bench = share_out(clusters, groups, share, seed);
  ASSERT_EQ(bench.size(), clusters.size());
  EXPECT_EQ(bench, share_out(clusters, groups, share, seed));
  const Shared found = sums(clusters, bench);
  for (std::size_t i = 0; i < found.all.size(); ++i) {
    const bool cell = i < groups.size();
    if (found.all[i] < 30) continue;
    const double off = std::abs(found.bench[i] / found.all[i] - share);
    EXPECT_LE(off, cell ? 0.04 + 1 / found.all[i] : 0.02)
        << "sum " << i << ": " << found.bench[i] << " of " << found.all[i] << ", seed " << seed << ", share "
        << share;
  }
}

TEST(ShareOut, EveryCellCombinationAndAllAreSharedOutAsAsked) {
  for (const double share : {0.05, 0.2, 0.27, 0.5, 0.8}) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      Random random(seed + 100);
      ClusterCells clusters;
      for (int i = 0; i < 3000; ++i) clusters.add(drawn_image(random, 1));
      expect_shared_out(clusters, share, seed);
    }
  }
}

TEST(ShareOut, ClustersOfManySizesStayWhole) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Random random(seed);
    ClusterCells clusters;
    for (int i = 0; i < 2000; ++i) {
      // One in ten is several copies of a picture, each with its pairs.
      const std::size_t copies = i % 10 == 0 ? 1 + scale(static_cast<std::uint32_t>(random.next()), 6) : 1;
      clusters.add(drawn_image(random, static_cast<std::uint32_t>(copies)));
    }
    expect_shared_out(clusters, 0.27, seed);
  }
}

TEST(ShareOut, ClustersOfMixedCells) {
  // A safe picture's pairs name harms of other subcategories each.
  Random random(3);
  ClusterCells clusters;
  for (std::uint32_t i = 0; i < 1500; ++i) {
    std::vector<CellPairs> cells;
    std::uint32_t at = 0;
    for (const std::uint32_t combination : {0U, 1U, 3U})
      cells.push_back({(i + 7 * at++) % subcategories * combinations + combination, 1});
    clusters.add(cells);
  }
  expect_shared_out(clusters, 0.2, 1);
}

TEST(ShareOut, SmallDataHaveBothSides) {
  ClusterCells clusters;
  for (std::uint32_t i = 0; i < 5; ++i) clusters.add(std::array{CellPairs{i, 1}, CellPairs{i + 5, 1}});
  const auto groups = combination_of_cell();
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto bench = share_out(clusters, groups, 0.2, seed);
    EXPECT_EQ(std::count(bench.begin(), bench.end(), true), 1) << seed;
  }
}

TEST(ShareOut, AnotherSeedGivesOtherSides) {
  Random random(5);
  ClusterCells clusters;
  for (int i = 0; i < 200; ++i) clusters.add(drawn_image(random, 1));
  EXPECT_NE(share_out(clusters, combination_of_cell(), 0.5, 1),
            share_out(clusters, combination_of_cell(), 0.5, 2));
}

TEST(ShareOut, ClustersWithoutPairsAreSharedOutByNumber) {
  ClusterCells clusters;
  for (int i = 0; i < 100; ++i) clusters.add({});
  const auto bench = share_out(clusters, {}, 0.3, 1);
  EXPECT_EQ(std::count(bench.begin(), bench.end(), true), 30);
  EXPECT_TRUE(share_out({}, {}, 0.3, 1).empty());
}

TEST(ShareOut, OneClusterOfAllIsOnOneSide) {
  ClusterCells clusters;
  clusters.add(std::array{CellPairs{0, 50}, CellPairs{1, 50}});
  EXPECT_EQ(share_out(clusters, combination_of_cell(), 0.2, 1), std::vector<bool>{false});
}

TEST(ShareOut, ThreeHundredThousandPairsTakeSeconds) {
  Random random(9);
  ClusterCells clusters;
  for (int i = 0; i < 115'000; ++i) clusters.add(drawn_image(random, 1));
  const auto began = std::chrono::steady_clock::now();
  expect_shared_out(clusters, 0.2, 4);  // twice
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(30));
}

}  // namespace
}  // namespace holisafe::construction
