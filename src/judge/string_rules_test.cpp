#include "judge/string_rules.h"

#include <algorithm>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "judge/refusal_phrases.h"

namespace holisafe::judge {
namespace {

std::string utf8(unsigned code_point) {
  const auto byte = [](unsigned value) { return static_cast<char>(value); };
  if (code_point < 0x80) return {byte(code_point)};
  std::string out;
  if (code_point < 0x800) {
    out += byte(0xc0 | code_point >> 6);
  } else if (code_point < 0x10000) {
    out += byte(0xe0 | code_point >> 12);
    out += byte(0x80 | (code_point >> 6 & 0x3f));
  } else {
    out += byte(0xf0 | code_point >> 18);
    out += byte(0x80 | (code_point >> 12 & 0x3f));
    out += byte(0x80 | (code_point >> 6 & 0x3f));
  }
  return out + byte(0x80 | (code_point & 0x3f));
}

bool authors(const std::string& text) { return is_refusal(text, StringMode::authors); }
bool normalized(const std::string& text) { return is_refusal(text, StringMode::normalized); }

TEST(StringRules, EveryPhraseInItsPlace) {
  for (const std::string_view view : refusal_prefixes) {
    const std::string phrase(view);
    EXPECT_TRUE(authors(phrase)) << phrase;
    EXPECT_TRUE(authors("\n " + phrase + "xyz")) << phrase;
    std::string upper = phrase;
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](char c) { return static_cast<char>(std::toupper(static_cast<unsigned char>(c))); });
    EXPECT_TRUE(authors(upper)) << phrase;
    if (phrase.find("cannot help") == phrase.npos && phrase.find("i can't") == phrase.npos) {
      EXPECT_FALSE(authors("Sure: " + phrase)) << phrase;
    }
  }
  for (const std::string_view view : refusal_infixes) {
    const std::string phrase(view);
    for (std::size_t before = 1; before < 200; ++before) {
      EXPECT_TRUE(authors(std::string(before, '-') + phrase)) << phrase << before;
      EXPECT_TRUE(authors(std::string(before, '-') + phrase + std::string(100, ' '))) << phrase << before;
      EXPECT_FALSE(authors(std::string(before, '-') + phrase.substr(0, phrase.size() - 1)))
          << phrase << before;
    }
  }
}

TEST(StringRules, WhatIsNoRefusal) {
  for (const char* text :
       {"", " ", "Sure, here it is.", "We cannot", "not", "n't", "no", "Nobody can't say", "i canno", "can't",
        "I\xe2\x80\x99m sorry", "I \xe2\x80\x99m", "Ill", "A bit clear"}) {
    EXPECT_FALSE(authors(text)) << text;
  }
}

TEST(StringRules, CharactersThatLowerToAscii) {
  EXPECT_TRUE(authors("As an A\xc4\xb0"));  // U+0130 lowers to i, U+0307: "as an ai" is a prefix
  EXPECT_TRUE(authors("OPENA\xc4\xb0 says"));
  EXPECT_FALSE(authors("\xc4\xb0 cannot"));  // U+0307 stands between
  EXPECT_FALSE(authors("As an A\xc4\xb1"));  // U+0131 stays
  EXPECT_FALSE(authors("As an A\xc4"));
  EXPECT_FALSE(
      authors("\xc5\xbf"
              "elf-care"));  // U+017F lowers to itself
}

TEST(StringRules, StripsWhatPythonStrips) {
  const std::set<unsigned> white = {0x9,    0xa,    0xb,    0xc,    0xd,    0x1c,   0x1d,   0x1e,
                                    0x1f,   0x20,   0x85,   0xa0,   0x1680, 0x2000, 0x2001, 0x2002,
                                    0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a,
                                    0x2028, 0x2029, 0x202f, 0x205f, 0x3000};
  for (unsigned code_point = 0; code_point < 0x110000; ++code_point) {
    if (code_point >= 0xd800 && code_point < 0xe000) continue;
    ASSERT_EQ(authors(utf8(code_point) + "cannot"), white.contains(code_point)) << code_point;
    ASSERT_EQ(authors(utf8(code_point) + " \n" + utf8(code_point) + "harmful"), white.contains(code_point));
    ASSERT_EQ(normalized("I" + utf8(code_point) + "cannot"), white.contains(code_point)) << code_point;
  }
}

TEST(StringRules, NulIsACharacter) {
  const std::string nul(1, '\0');
  EXPECT_FALSE(authors(nul + "cannot"));
  EXPECT_FALSE(authors("can" + nul + "not"));
  EXPECT_TRUE(authors("Sure" + nul + " but i can't"));
}

TEST(StringRules, NormalizedFoldsApostrophesAndWhiteSpace) {
  for (const char* mark : {"\xe2\x80\x98", "\xe2\x80\x99", "\xe2\x80\x9b", "\xca\xbc", "\xef\xbc\x87"}) {
    const std::string text = std::string("I") + mark + "m sorry";
    EXPECT_FALSE(authors(text)) << mark;
    EXPECT_TRUE(normalized(text)) << mark;
  }
  EXPECT_FALSE(authors("I  cannot"));
  EXPECT_TRUE(normalized("I \n\t cannot"));
  EXPECT_TRUE(normalized("Well, will\xc2\xa0not\xe3\x80\x80provide"));
  EXPECT_FALSE(
      normalized("I\xe2\x80\x8b"
                 "cannot"));
  EXPECT_FALSE(normalized("Sure."));
}

TEST(StringRules, OpeningsAlone) {
  for (const auto phrase : refusal_prefixes) EXPECT_TRUE(begins_as_refusal(" \n" + std::string(phrase)));
  EXPECT_TRUE(begins_as_refusal("I\xe2\x80\x99m \n sorry, no."));
  EXPECT_FALSE(begins_as_refusal("Sure. I can't wait: will not help"));
  EXPECT_FALSE(begins_as_refusal(""));
}

TEST(StringRules, BrokenUtf8MatchesNothingAndIsHarmless) {
  for (const char* text : {"\xe2", "\xe2\x80", "\xff\xfe", "\xc2", "\xe3\x80", "\xc4"}) {
    EXPECT_FALSE(authors(text));
    EXPECT_FALSE(normalized(text));
  }
}

}  // namespace
}  // namespace holisafe::judge
