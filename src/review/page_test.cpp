#include "review/page.h"

#include <span>
#include <string>

#include <gmock/gmock.h>

#include "base/hash.h"

namespace holisafe::review {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string header(const std::string& name) {
  for (const auto& [key, value] : page().headers) {
    if (key == name) return value;
  }
  return {};
}

std::size_t count(const std::string& text, const std::string& of) {
  std::size_t out = 0;
  for (auto at = text.find(of); at != std::string::npos; at = text.find(of, at + 1)) ++out;
  return out;
}

TEST(ReviewPage, ItsPolicyNamesItsOwnScriptAndStyleAlone) {
  const std::string policy = header("Content-Security-Policy");
  const std::string& body = page().body;
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
  for (const std::string tag : {"script", "style"}) {
    EXPECT_EQ(count(body, "<" + tag), 1U) << tag;
    const auto start = body.find("<" + tag + ">") + tag.size() + 2;
    const std::string text = body.substr(start, body.find("</" + tag + ">") - start);
    ASSERT_FALSE(text.empty());
    EXPECT_THAT(policy, HasSubstr(tag + "-src 'sha256-" + base64(sha256(text)) + "'"));
  }
}

TEST(ReviewPage, NeedsNobodyElse) {
  const std::string& body = page().body;
  for (const char* text :
       {"http://", "https://", "innerHTML", "outerHTML", "document.write", "insertAdjacentHTML", "eval(",
        "localStorage", "sessionStorage", "cookie", " onclick", " onload=", " style=", "@import", "url("})
    EXPECT_THAT(body, Not(HasSubstr(text)));
  EXPECT_THAT(header("Referrer-Policy"), "no-referrer");  // the token stands in its address
}

}  // namespace
}  // namespace holisafe::review
