#include "image/hash_index.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace holisafe::image {
namespace {

/// Strangers, and of every tenth one some that differ in up to 40 bits.
std::vector<PerceptualHash> some_hashes(std::size_t count) {
  Random random(5);
  std::vector<PerceptualHash> out;
  while (out.size() < count) {
    PerceptualHash hash;
    for (std::uint64_t& word : hash.words) word = random.next();
    out.push_back(hash);
    for (std::uint64_t copy = out.size() % 10 == 0 ? 4 : 0; copy > 0; --copy) {
      PerceptualHash near = hash;
      for (std::uint64_t flips = random.next() % 41; flips > 0; --flips) {
        const std::uint64_t bit = random.next() % 256;
        near.words[bit / 64] ^= std::uint64_t{1} << (bit % 64);
      }
      out.push_back(near);
    }
  }
  return out;
}

std::vector<HashPair> by_trying_all(const std::vector<PerceptualHash>& hashes, int radius) {
  std::vector<HashPair> out;
  for (std::uint32_t i = 0; i < hashes.size(); ++i) {
    for (std::uint32_t j = i + 1; j < hashes.size(); ++j) {
      const int apart = distance(hashes[i], hashes[j]);
      if (apart <= radius) out.push_back({i, j, static_cast<std::uint16_t>(apart)});
    }
  }
  return out;
}

TEST(HashIndex, FindsJustThePairsWithinTheRadius) {
  const auto hashes = some_hashes(3000);
  const HashIndex index(hashes);
  for (const int radius : {0, 7, 31}) {
    const auto expected = by_trying_all(hashes, radius);
    EXPECT_EQ(index.pairs(radius, 1), expected) << radius;
    EXPECT_EQ(index.pairs(radius, 3), expected) << radius;
  }
  EXPECT_GT(index.pairs(31).size(), 100U);
}

TEST(HashIndex, FindsWhatDiffersInEveryBand) {
  // 31 bits: one in the first band, two in each of the others. The least favourable pair that must be found.
  std::vector<PerceptualHash> hashes(2);
  hashes[1].words = {0x0003000300030001U, 0x0003000300030003U, 0x0003000300030003U, 0x0003000300030003U};
  ASSERT_EQ(distance(hashes[0], hashes[1]), 31);
  EXPECT_EQ(HashIndex(hashes).pairs(31), (std::vector<HashPair>{{0, 1, 31}}));
}

TEST(HashIndex, EqualHashesAreOnePairEach) {
  const std::vector<PerceptualHash> hashes(40);
  EXPECT_EQ(HashIndex(hashes).pairs(31), by_trying_all(hashes, 31));
  EXPECT_TRUE(HashIndex({}).pairs(31).empty());
}

}  // namespace
}  // namespace holisafe::image
