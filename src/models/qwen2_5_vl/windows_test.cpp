#include "models/qwen2_5_vl/windows.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "models/qwen2_5_vl/reference_file.h"

namespace holisafe::models::qwen2_5_vl {
namespace {

using Windows = std::vector<std::vector<std::int64_t>>;

Windows cut_up(const WindowPlan& plan) {
  Windows out;
  auto next = plan.order.begin();
  for (const WindowGroup& group : plan.groups) {
    for (std::int64_t i = 0; i < group.windows; ++i, next += group.tokens) {
      out.emplace_back(next, next + group.tokens);
    }
  }
  EXPECT_EQ(next, plan.order.end());
  return out;
}

// The reference runs windows row by row; which stands where changes nothing, as each attends to itself.
TEST(Windows, HoldTheReferencesTokensInItsOrder) {
  const auto cases = reference("windows");
  ASSERT_GE(cases.size(), 12U);
  for (const auto& one : cases) {
    const auto plan = plan_windows(one["height"], one["width"], one["side"]);
    Windows found = cut_up(plan);
    std::sort(found.begin(), found.end());
    EXPECT_EQ(found, one["windows"].get<Windows>()) << one.dump();
  }
}

TEST(Windows, OfOneSizeFollowEachOther) {
  const auto plan = plan_windows(9, 10, 4);
  const std::vector<WindowGroup> groups{{4, 16}, {2, 8}, {2, 4}, {1, 2}};
  EXPECT_EQ(plan.groups, groups);
}

TEST(Windows, InverseLeadsBack) {
  const auto plan = plan_windows(7, 5, 4);
  ASSERT_EQ(plan.order.size(), 35U);
  for (std::size_t token = 0; token < plan.inverse.size(); ++token) {
    EXPECT_EQ(plan.order[static_cast<std::size_t>(plan.inverse[token])], static_cast<std::int64_t>(token));
  }
}

}  // namespace
}  // namespace holisafe::models::qwen2_5_vl
