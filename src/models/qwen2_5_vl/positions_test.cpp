#include "models/qwen2_5_vl/positions.h"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "models/qwen2_5_vl/reference_file.h"

namespace holisafe::models::qwen2_5_vl {
namespace {

TEST(Positions, EqualTheReferencesForTextAndImages) {
  const auto cases = reference("positions");
  ASSERT_GE(cases.size(), 5U);
  for (const auto& one : cases) {
    std::vector<TokenGrid> grids;
    std::vector<ImageSpan> spans;
    for (std::size_t i = 0; i < one["grids"].size(); ++i) {
      grids.push_back({one["grids"][i][0], one["grids"][i][1]});
      spans.push_back({static_cast<std::int64_t>(i), one["spans"][i][0], one["spans"][i][1]});
    }
    const auto found = multimodal_positions(one["length"], spans, grids);
    for (int axis = 0; axis < 3; ++axis) {
      const auto expected =
          torch::tensor(one["positions"][static_cast<std::size_t>(axis)].get<std::vector<std::int64_t>>());
      EXPECT_TRUE(at::equal(found.positions[axis], expected)) << one.dump();
    }
    EXPECT_EQ(found.next, one["next"].get<std::int64_t>()) << one.dump();
  }
}

}  // namespace
}  // namespace holisafe::models::qwen2_5_vl
