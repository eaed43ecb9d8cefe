#include "review/page.h"

#include <gtest/gtest.h>

#include "http/page_check.h"

namespace holisafe::review {
namespace {

TEST(ReviewPage, ItsPolicyNamesItsOwnScriptAndStyleAlone) { http::expect_policy_of_its_own(page()); }

TEST(ReviewPage, NeedsNobodyElse) {
  http::expect_need_of_nobody(page());
  EXPECT_EQ(http::header_of(page(), "Referrer-Policy"), "no-referrer");  // the token stands in its address
}

}  // namespace
}  // namespace holisafe::review
