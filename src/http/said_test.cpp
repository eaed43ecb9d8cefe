#include "http/said.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "http/address.h"

namespace holisafe::http {
namespace {

TEST(Said, PagesAreNamedAndTextIsCutBetweenCharacters) {
  EXPECT_TRUE(is_page("\n <!DOCTYPE html><title>x</title>"));
  EXPECT_FALSE(is_page("{}"));
  EXPECT_EQ(page_name("<html><head><TITLE a=\"b\"> Sign in </TITLE>"), "an HTML page \"Sign in\"");
  EXPECT_EQ(page_name("<html>"), "an HTML page");
  EXPECT_EQ(page_name("<?xml version=\"1.0\"?>"), "a page of markup");
  EXPECT_EQ(excerpt("ab\u00e9", 3), "ab…");
  EXPECT_EQ(excerpt("ab\u00e9", 4), "ab\u00e9");
  EXPECT_EQ(unescaped(R"(a\u002b\/\"\n\u0007b\ud83d\ude00\ud800\x)"), "a+/\"  b\U0001F600\uFFFD\\x");
}

TEST(Address, LeadsFromAnother) {
  EXPECT_EQ(resolved("http://h:1/v1/chat?x=1", "/api"), "http://h:1/api");
  EXPECT_EQ(resolved("http://h/v1/chat", "https://other/x?y=1"), "https://other/x?y=1");
  EXPECT_EQ(resolved("http://h/v1/chat", "//other/x"), "http://other/x");
  for (const char* none : {"", "\n", "unknown-scheme://x"})
    EXPECT_EQ(resolved("http://h/", none), "") << none;
  EXPECT_TRUE(is_same_origin("http://h/a", "http://h:80/b?c"));
  for (const char* other : {"https://h/a", "http://h:81/a", "http://h.x/a", "http://x@evil/a", ""})
    EXPECT_FALSE(is_same_origin("http://h/a", other)) << other;
  EXPECT_EQ(without_query("http://h/v1?key=secret"), "http://h/v1");
}

}  // namespace
}  // namespace holisafe::http
