// What holds of every page of one file, for tests.
#pragma once

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/text.h"
#include "http/server.h"

namespace holisafe::http {

/// Of any answer, whatever the case of its name; "" where it has none.
inline std::string header_of(const ServerResponse& answer, std::string_view name) {
  for (const auto& [key, value] : answer.headers) {
    if (ascii_lower(key) == ascii_lower(name)) return value;
  }
  return {};
}

inline int occurrences(std::string_view text, std::string_view of) {
  int out = 0;
  for (auto at = text.find(of); at != std::string_view::npos; at = text.find(of, at + 1)) ++out;
  return out;
}

/// Its policy names its only script and its only style, and nothing else.
inline void expect_policy_of_its_own(const ServerResponse& page) {
  using testing::HasSubstr;
  const std::string policy = header_of(page, "Content-Security-Policy");
  EXPECT_THAT(policy, testing::Not(HasSubstr("unsafe")));
  EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
  for (const std::string tag : {"script", "style"}) {
    EXPECT_EQ(occurrences(page.body, "<" + tag), 1) << tag;
    const auto start = page.body.find("<" + tag + ">") + tag.size() + 2;
    const std::string text = page.body.substr(start, page.body.find("</" + tag + ">") - start);
    ASSERT_FALSE(text.empty());
    EXPECT_THAT(policy, HasSubstr(tag + "-src 'sha256-" + base64(sha256(text)) + "'"));
  }
}

/// No other host, nothing kept, no text that becomes markup, no code or style in attributes.
inline void expect_need_of_nobody(const ServerResponse& page) {
  for (const char* text :
       {"http://", "https://", "innerHTML", "outerHTML", "document.write", "insertAdjacentHTML", "eval(",
        "localStorage", "sessionStorage", "cookie", " onclick", " onload=", " style=", "@import", "url("})
    EXPECT_THAT(page.body, testing::Not(testing::HasSubstr(text)));
}

}  // namespace holisafe::http
