#include "http/query.h"

#include <gmock/gmock.h>

namespace holisafe::http {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(Query, NamesAndValuesAreDecoded) {
  EXPECT_THAT(
      *read_query("a=1&b=x%20y+z&c&=d&&e=f=g"),
      ElementsAre(Pair("a", "1"), Pair("b", "x y z"), Pair("c", ""), Pair("", "d"), Pair("e", "f=g")));
  EXPECT_THAT(*read_query("%61=%C3%a4&a=%26%3D%25"), ElementsAre(Pair("a", "\u00e4"), Pair("a", "&=%")));
  EXPECT_THAT(*read_query(""), IsEmpty());
}

TEST(Query, WhatCannotBeDecodedIsNone) {
  for (const char* text : {"a=%", "a=%4", "a=%4g", "%zz=1", "a=% 41", "a=%-1", "a=%ff", "a=%ed%a0%80"})
    EXPECT_FALSE(read_query(text)) << text;
}

}  // namespace
}  // namespace holisafe::http
