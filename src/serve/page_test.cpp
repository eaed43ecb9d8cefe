#include "serve/page.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/page_check.h"

namespace holisafe::serve {
namespace {

TEST(Page, ThePolicyNamesItsOwnScriptAndStyleAlone) { http::expect_policy_of_its_own(page()); }

TEST(Page, NeedsNobodyElse) {
  http::expect_need_of_nobody(page());
  for (const char* id : {"drop", "picture", "verdict", "question", "ask", "answer"})
    EXPECT_EQ(http::occurrences(page().body, "id=\"" + std::string(id) + "\""), 1) << id;
  EXPECT_THAT(http::header_of(page(), "Content-Type"), testing::HasSubstr("utf-8"));
  EXPECT_TRUE(page().body.starts_with("<!DOCTYPE html>"));
}

}  // namespace
}  // namespace holisafe::serve
