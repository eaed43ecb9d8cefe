#include "base/text.h"

#include <string>

#include <gtest/gtest.h>

#include "base/escapes.h"

namespace holisafe {
namespace {

std::string utf8(unsigned code) {
  std::string out;
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) {
    out += static_cast<char>(0xC0U | code >> 6U);
  } else {
    if (code < 0x10000) {
      out += static_cast<char>(0xE0U | code >> 12U);
    } else {
      out += static_cast<char>(0xF0U | code >> 18U);
      out += static_cast<char>(0x80U | (code >> 12U & 0x3FU));
    }
    out += static_cast<char>(0x80U | (code >> 6U & 0x3FU));
  }
  return out + static_cast<char>(0x80U | (code & 0x3FU));
}

/// PropList.txt of Unicode: White_Space.
bool in_prop_list(unsigned code) {
  return (code >= 0x09 && code <= 0x0D) || code == 0x20 || code == 0x85 || code == 0xA0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F ||
         code == 0x205F || code == 0x3000;
}

TEST(Text, WhiteSpaceIsUnicodesAndPythonsHasFourMore) {
  for (unsigned code = 1; code <= 0x10FFFF; ++code) {
    if (code >= 0xD800 && code < 0xE000) continue;
    const std::string text = utf8(code);
    ASSERT_EQ(white_space(text + "x"), in_prop_list(code) ? text.size() : 0) << code;
    const bool separator = code >= 0x1C && code <= 0x1F;
    ASSERT_EQ(python_space(text), in_prop_list(code) || separator ? text.size() : 0) << code;
    ASSERT_TRUE(is_utf8(text)) << code;
  }
}

TEST(Text, StripsBothEnds) {
  EXPECT_EQ(strip(" \x1f\xE2\x80\x84 a \xC2\x85 b\xE3\x80\x80\n"), "a \xC2\x85 b");
  EXPECT_EQ(strip("\xE2\x80\x8Bx\xE2\x80\x8B"), "\xE2\x80\x8Bx\xE2\x80\x8B");
  EXPECT_EQ(strip(" \xC2\xA0 "), "");
  EXPECT_EQ(strip(""), "");
  EXPECT_EQ(strip("\x80\x80"), "\x80\x80");
}

TEST(Text, DepthIsThatOfBracketsOutsideStrings) {
  EXPECT_FALSE(nests_deeper(R"([{"a[[[\"[[\\":[]},{},[]])", 3));
  EXPECT_TRUE(nests_deeper(R"([{"a[[[\"[[\\":[]},{},[]])", 2));
  EXPECT_FALSE(nests_deeper("]]}[", 1));
  EXPECT_FALSE(nests_deeper("\"[[", 1));
  EXPECT_FALSE(nests_deeper("\"\\", 1));
  EXPECT_FALSE(nests_deeper("", 0));
  EXPECT_TRUE(nests_deeper(std::string(100'000, '['), 99'999));
}

TEST(Text, WhatIsNoUtf8) {
  for (const char* text :
       {"\xff", "a\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x80", "\x80"})
    EXPECT_FALSE(is_utf8(text)) << text;
  EXPECT_TRUE(is_utf8(""));
}

TEST(Text, NothingThatSteersATerminalStays) {
  std::string steering;
  for (unsigned code = 0; code < 0x20; ++code) {
    if (code != '\n' && code != '\t') steering += utf8(code);
  }
  for (unsigned code = 0x7f; code <= 0x9f; ++code) steering += utf8(code);
  for (const unsigned code : {0x061cU, 0x200eU, 0x200fU, 0x202aU, 0x202eU, 0x2066U, 0x2069U})
    steering += utf8(code);
  const std::string shown = visible(steering + "\xff");
  for (const char c : shown) EXPECT_TRUE(c >= ' ' && c < 0x7f) << static_cast<int>(c);
  EXPECT_TRUE(shown.ends_with("\\u2069\\xff")) << shown;
  const std::string plain = "a\n\tb" + utf8(0xa0) + utf8(0x2027) + utf8(0x2029) + utf8(0x2065) +
                            utf8(0x206a) + utf8(0x1f600) + utf8(0x061b) + utf8(0x200d) + utf8(0x2010);
  EXPECT_EQ(visible(plain), plain);
  EXPECT_EQ(visible_json("{\"a\": \"" + utf8(0x9b) + utf8(0x202e) + utf8(0x7f) + utf8(0xe9) + "\"}"),
            "{\"a\": \"\\u009b\\u202e\\u007f" + utf8(0xe9) + "\"}");
}

TEST(Text, WhatIsNoUtf8IsReplaced) {
  EXPECT_EQ(as_utf8("a\xc3\xa9"), "a\xc3\xa9");
  EXPECT_EQ(as_utf8("a\xff\xc3(\xed\xa0\x80"),
            "a" + utf8(0xfffd) + utf8(0xfffd) + "(" + utf8(0xfffd) + utf8(0xfffd) + utf8(0xfffd));
  for (std::size_t size = 0; size < 4; ++size) {
    EXPECT_TRUE(is_utf8(as_utf8(utf8(0x1f600).substr(0, size))));
    EXPECT_EQ(utf8_length(utf8(0x1f600).substr(0, size)), 0U);
  }
  EXPECT_EQ(utf8_length(utf8(0x1f600)), 4U);
}

TEST(Text, HalvesOfPairsInJson) {
  const auto mended = [](std::string json) {
    const std::string before = json;
    const bool found = replace_half_pairs(json);
    EXPECT_EQ(found, json != before);
    EXPECT_EQ(json.size(), before.size());
    return json;
  };
  EXPECT_EQ(mended(R"("\ud83d\ude00 \u00e9 \n")"), R"("\ud83d\ude00 \u00e9 \n")");
  EXPECT_EQ(mended(R"("\ud83d")"), R"("\ufffd")");
  EXPECT_EQ(mended(R"("\ude00\uD83D\ud83d\ude00")"), R"("\ufffd\ufffd\ud83d\ude00")");
  EXPECT_EQ(mended(R"("\\ud83d \\\ud83d")"), R"("\\ud83d \\\ufffd")");
  EXPECT_EQ(mended(R"("\ud83d\n\ud8")"), R"("\ufffd\n\ud8")");
  EXPECT_EQ(mended("\\"), "\\");
  EXPECT_EQ(mended(R"(["\ud800","\udc00x","\ud83d\ude00","\\ud800","\ud800\ud800","\ud83d\\ude00"])"),
            R"(["\ufffd","\ufffdx","\ud83d\ude00","\\ud800","\ufffd\ufffd","\ufffd\\ude00"])");
  EXPECT_EQ(mended("\\ud8"), "\\ud8");
}

}  // namespace
}  // namespace holisafe
