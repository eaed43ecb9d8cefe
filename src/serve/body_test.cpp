#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/made_request.h"
#include "serve/request.h"

namespace holisafe::serve {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string parsed(std::string_view text) { return outcome(parse_body(text)); }

TEST(Body, GivesTheDocumentInItsOrder) {
  const auto found = parse_body(R"( {"b": [1, -2, 0.5, true, null, "x"], "a": {"c": {}, "d": []}} )");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->dump(), R"({"b":[1,-2,0.5,true,null,"x"],"a":{"c":{},"d":[]}})");
}

TEST(Body, TakesAnyValue) {
  for (const char* text : {"1", "null", "\"x\"", "[]", "{}", "-0", "true"})
    EXPECT_EQ(parsed(text), "fine") << text;
}

TEST(Body, NumbersStayEqual) {
  const char* text =
      "[9223372036854775807,-9223372036854775808,18446744073709551615,0.1,1e-07,1.7976931348623157e+308,"
      "5e-324,3.141592653589793]";
  const auto found = parse_body(text);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->dump(), text);
}

TEST(Body, NumbersThatCannotStayEqualAreRefused) {
  EXPECT_EQ(parsed("18446744073709551616"), "invalid_value");
  EXPECT_EQ(parsed(R"({"a": [0, {"b": 1, "c": -9223372036854775809}]})"), "invalid_value at a[1].c");
  EXPECT_EQ(parsed(R"({"seed": 1e999})"), "invalid_value at seed");
}

TEST(Body, RefusesWhatIsNoJson) {
  for (const std::string text : {"",
                                 " ",
                                 "{",
                                 "[1,]",
                                 "{\"a\":1,}",
                                 "{\"a\" 1}",
                                 "NaN",
                                 "[NaN]",
                                 "Infinity",
                                 "-Infinity",
                                 "nul",
                                 "01",
                                 "+1",
                                 "1.",
                                 ".5",
                                 "'a'",
                                 "{a: 1}",
                                 "// x\n1",
                                 "/* x */ 1",
                                 "1 2",
                                 "{} x",
                                 "[\"\t\"]",
                                 "\"\\x\"",
                                 "\"\\ud800\"",
                                 "\"\\udc00\\ud800\"",
                                 "\"\xff\"",
                                 "\"\xc0\xaf\"",
                                 "\"\xed\xa0\x80\"",
                                 "\"\xf4\x90\x80\x80\"",
                                 "\xff",
                                 "\xef\xbb\xbf{}",
                                 "\"a"})
    EXPECT_EQ(parsed(text), "invalid_json") << text;
}

TEST(Body, RefusesWhatFollowsANul) {
  EXPECT_EQ(parsed(std::string_view("{}\0", 3)), "invalid_json");
  EXPECT_EQ(parsed(std::string_view("{}\0{\"a\": 1}", 11)), "invalid_json");
  EXPECT_EQ(parsed(R"("\u0000")"), "fine");
}

TEST(Body, NamesTheByteAndNotTheParser) {
  const auto found = parse_body("{\"a\": x}");
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message, HasSubstr("byte 7"));
  EXPECT_THAT(found.error().message, Not(HasSubstr("exception")));
}

TEST(Body, RefusesAKeyThatStandsTwice) {
  EXPECT_EQ(parsed(R"({"a": 1, "b": 2, "a": 1})"), "duplicate_key at a");
  EXPECT_EQ(parsed(R"({"messages": [{}, {"content": [{"image_url": {"url": "x", "url": "y"}}]}]})"),
            "duplicate_key at messages[1].content[0].image_url.url");
  EXPECT_EQ(parsed(R"({"a": 1, "\u0061": 2})"), "duplicate_key at a");
  EXPECT_EQ(parsed(R"([[], {"": 1, "": 2}])"), "duplicate_key at [1].");
  EXPECT_EQ(parsed(R"({"a": {"a": {"a": 1}}, "A": 1})"), "fine");
}

TEST(Body, LongNamesAreCutInFaults) {
  const std::string name(10'000, 'k');
  const auto found = parse_body("{\"" + name + "\": 1, \"" + name + "\": 2}");
  ASSERT_FALSE(found);
  EXPECT_LT(found.error().param->size(), 100U);
  EXPECT_LT(found.error().message.size(), 300U);
}

TEST(Body, LongStringsStayAsTheyAre) {
  const std::string plain(5000, 'x');
  const std::string quoted = plain + "\"" + plain + "\\";
  const std::string wide = plain + "\u00e9";
  for (const std::string& text :
       {plain, quoted, wide, plain + "\n", std::string(1023, 'y'), std::string(1024, 'y')}) {
    const Json document = {{"a", text}, {text + "b", Json::array({"", text, "c", text})}};
    const auto found = parse_body(document.dump());
    ASSERT_TRUE(found) << text;
    EXPECT_EQ(*found, document);
  }
}

TEST(Body, LongStringsAreReadAsStrictly) {
  const std::string plain(5000, 'x');
  const auto quoted = [&](const std::string& end) { return "[\"" + plain + end + "\"]"; };
  EXPECT_EQ(parsed(quoted("")), "fine");
  for (const char* end : {"\n", "\t", "\x1f", "\xff", "\xc3", "\\x", "\\ud800", "\""}) {
    EXPECT_EQ(parsed(quoted(end)), "invalid_json") << end;
    EXPECT_EQ(parsed(quoted(end + plain)), "invalid_json") << end;
  }
  EXPECT_EQ(parsed("[\"" + plain), "invalid_json");
  EXPECT_EQ(parsed("[\"" + plain + "\\"), "invalid_json");
  EXPECT_EQ(parsed("[\"" + plain + "\" \"" + plain + "\"]"), "invalid_json");
  EXPECT_EQ(parsed("{\"" + plain + "\": 1, \"" + plain + "\": 1}").substr(0, 13), "duplicate_key");
  // A fault's byte is the body's.
  const auto found = parse_body("[\"" + plain + "\", x]");
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message, HasSubstr("byte 5006"));
}

TEST(Body, GoesSixtyFourLevelsDeep) {
  const auto lists = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  EXPECT_EQ(parsed(lists(64)), "fine");
  EXPECT_EQ(parsed(lists(65)), "invalid_json");
  EXPECT_EQ(parsed(std::string(1'000'000, '[')), "invalid_json");
  std::string objects;
  for (int i = 0; i < 65; ++i) objects += "{\"a\":";
  EXPECT_EQ(parsed(objects), "invalid_json");
}

TEST(Body, HoldsSoManyValues) {
  const auto zeros = [](std::size_t count) {
    std::string out = "[0";
    for (std::size_t i = 1; i < count; ++i) out += ",0";
    return out + "]";
  };
  EXPECT_EQ(parsed(zeros((std::size_t{1} << 18) - 1)), "fine");
  EXPECT_EQ(parsed(zeros(std::size_t{1} << 18)), "request_too_large");
}

TEST(Body, ManyMembersTakeNoSquareOfTime) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  EXPECT_EQ(parsed(text + "}"), "fine");  // minutes, were each looked for among all before it
}

std::string read_url(const std::string& url, const RequestLimits& limits = {}) {
  return outcome(read_image_url(url, "u", limits));
}

TEST(ImageUrl, GivesTheBytesWhateverTheTypeSays) {
  for (const char* type : {"image/png", "image/jpeg", "text/plain", "", "image/png;charset=utf-8"}) {
    const auto found = read_image_url(data_uri(png_bytes("ab"), type), "u", {});
    ASSERT_TRUE(found) << type;
    EXPECT_EQ(*found->bytes, png_bytes("ab"));
    EXPECT_EQ(found->param, "u");
    EXPECT_EQ(found->url, "");
  }
  EXPECT_EQ(read_url("DATA:image/png;BASE64," + data_uri(png_bytes()).substr(22)), "fine");
}

TEST(ImageUrl, TakesCanonicalBase64Alone) {
  const std::string good = data_uri(png_bytes("ab"));  // 10 bytes: two '=' at its end
  ASSERT_TRUE(good.ends_with("=="));
  ASSERT_EQ(read_url(good), "fine");
  const std::string cut = good.substr(0, good.size() - 2);
  for (const std::string& bad :
       {cut, cut + "=", good + "=", good + "\n", good + " ", " " + good.substr(22), cut + "%3D%3D",
        good.substr(0, good.size() - 3) + "h==", good.substr(0, 30) + "\n" + good.substr(30),
        good.substr(0, 30) + "-" + good.substr(31), good + good.substr(22),
        std::string("data:image/png;base64,"), std::string("data:image/png,abcd"),
        std::string("data:;base64"), std::string("data:"),
        std::string("data:image/png;base64 ,") + good.substr(22)})
    EXPECT_THAT(read_url(bad), testing::AnyOf("invalid_image at u", "image_url_not_allowed at u")) << bad;
  EXPECT_EQ(read_url(cut), "invalid_image at u");
}

TEST(ImageUrl, ContentDecidesWhatIsAnImage) {
  for (const char* bytes : {"\xff\xd8\xff\xe0", "GIF89a", "RIFF\1\1\1\1WEBP"})
    EXPECT_EQ(read_url(data_uri(bytes)), "fine");
  for (const char* bytes : {"<svg/>", "BM", "II*", "%PDF-1.7", "a"})
    EXPECT_EQ(read_url(data_uri(bytes)), "invalid_image at u") << bytes;
}

TEST(ImageUrl, LimitsAreOnTheFile) {
  RequestLimits limits;
  limits.max_image_bytes = 10;
  EXPECT_EQ(read_url(data_uri(png_bytes("a")), limits), "fine");
  EXPECT_EQ(read_url(data_uri(png_bytes("ab")), limits), "fine");
  EXPECT_EQ(read_url(data_uri(png_bytes("abc")), limits), "image_too_large at u");
  // Before it is decoded: this is no base64 at all.
  EXPECT_EQ(read_url("data:;base64," + std::string(100, '!'), limits), "image_too_large at u");
}

TEST(ImageUrl, AddressesAreKeptWhereTheyAreFetched) {
  RequestLimits limits;
  const std::string url = "https://pictures.example/a.png";
  for (const std::string& each :
       {url, std::string("file:///etc/passwd"), std::string("a.png"), std::string()})
    EXPECT_EQ(read_url(each, limits), "image_url_not_allowed at u") << each;
  limits.fetches_urls = true;
  const auto found = read_image_url(url, "u", limits);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->url, url);
  EXPECT_EQ(found->bytes, nullptr);
  EXPECT_EQ(read_url("", limits), "image_url_not_allowed at u");
  EXPECT_EQ(read_url("https://a/" + std::string(8192, 'a'), limits), "image_url_not_allowed at u");
}

}  // namespace
}  // namespace holisafe::serve
