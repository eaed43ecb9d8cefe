#include "http/secret.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holisafe::http {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Secret, TrimsNewlinesAndRedacts) {
  const Secret secret = *Secret::from_text("se/cret\"key\r\n\n", "test");
  EXPECT_EQ(secret.reveal(), "se/cret\"key");
  EXPECT_EQ(secret.redact("a se/cret\"key b se\\/cret\\\"key c se/cret\\\"key"),
            "a [redacted] b [redacted] c [redacted]");
  EXPECT_EQ(secret.redact("\\\\se\\u002fcret\\\"key\\\\"), "[redacted]\\\\");
  EXPECT_EQ(secret.redact("\\secre"), "\\secre");
  const Secret slashes = *Secret::from_text("a\\\\b\\", "test");
  EXPECT_EQ(slashes.redact("x a\\\\\\\\b\\\\ y a\\u005c\\u005Cb\\u005c a\\\\b\\"),
            "x [redacted] y [redacted] [redacted]");
  EXPECT_EQ(slashes.redact("ab"), "ab");
  EXPECT_EQ(secret.redact_answer("se/cret\"key"), "se/cret\"key");
  EXPECT_FALSE(Secret::from_text("\n", "test"));
  const auto control = Secret::from_text("canary\nInjected: header", "file");
  ASSERT_FALSE(control);
  EXPECT_THAT(control.error().message(), Not(HasSubstr("canary")));
  static_assert(!std::is_copy_constructible_v<Secret>);
}

}  // namespace
}  // namespace holisafe::http
