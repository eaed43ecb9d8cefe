#include "serve/upstream_document.h"

#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "serve/event_scan.h"
#include "serve/picture_request.h"

namespace holisafe::serve {
namespace {

/// The bytes that a request for the upstream holds, with the URI's beginning.
std::pair<std::string, std::string> sent_up(const std::string& bytes, UpstreamImages images) {
  const auto body = upstream_document(request_of(image_request(bytes)), images, {});
  if (!body) return {"", std::string(name(body.error().code))};
  const Json document = Json::parse(*body);
  const std::string uri = document["messages"][0]["content"][1]["image_url"]["url"];
  const auto comma = uri.find(',');
  return {uri.substr(0, comma), from_base64(uri.substr(comma + 1)).value_or("no base64")};
}

TEST(UpstreamDocument, PlainFilesGoAsTheirBytes) {
  for (const auto& [name, start] : {std::pair{"grey.jpg", "data:image/jpeg;base64"},
                                    {"grey.png", "data:image/png;base64"},
                                    {"lossy.webp", "data:image/webp;base64"}}) {
    const auto [found, bytes] = sent_up(picture(name), UpstreamImages::automatic);
    EXPECT_EQ(found, start);
    EXPECT_EQ(bytes, picture(name)) << name;
  }
}

TEST(UpstreamDocument, OthersGoAsWhatWasJudged) {
  for (const char* name : {"orientation6.jpg", "half_alpha.png", "half_alpha.webp", "first_frame.gif",
                           "cmyk.jpg", "grey16.png"}) {
    const auto [found, bytes] = sent_up(picture(name), UpstreamImages::automatic);
    EXPECT_EQ(found, "data:image/png;base64");
    const auto judged = image::load(pictures / name, {}).value();
    const auto sent = image::decode(std::as_bytes(std::span(bytes)), {{}, image::Alpha::drop}).value();
    EXPECT_EQ(sent.rgb, judged.rgb) << name;
    EXPECT_EQ(sent_up(picture(name), UpstreamImages::sent).second, picture(name));
  }
  EXPECT_EQ(sent_up(picture("grey.jpg"), UpstreamImages::judged).first, "data:image/png;base64");
  EXPECT_EQ(sent_up("GIF89a is all of it", UpstreamImages::automatic).second, "invalid_image");
  ChatRequest odd = request_of(image_request(picture("grey.jpg")));
  odd.images[0].bytes = std::make_shared<const std::string>("no picture");
  EXPECT_EQ(upstream_document(odd, UpstreamImages::sent, {}).error().code, Code::invalid_image);
}

TEST(UpstreamDocument, AllElseStaysEqual) {
  const std::string text = image_request(picture("grey.jpg"));
  Json expected = Json::parse(text);
  Json found = Json::parse(*upstream_document(request_of(text), UpstreamImages::automatic, {}));
  expected["messages"][0]["content"][1]["image_url"]["url"] =
      found["messages"][0]["content"][1]["image_url"]["url"];
  EXPECT_EQ(found, expected);
}

TEST(UpstreamDocument, ImagesKeepTheirPlaces) {
  const auto part = [](const std::string& bytes) {
    return Json{{"type", "image_url"},
                {"image_url", {{"url", "data:image/png;base64," + base64(std::as_bytes(std::span(bytes)))}}}};
  };
  const std::vector<std::string> bytes = {picture("grey.jpg"), picture("grey.png"), picture("lossy.webp")};
  const Json asked = {
      {"model", "m"},
      {"messages",
       {{{"role", "system"}, {"content", {part(bytes[0])}}},
        {{"role", "user"},
         {"content",
          {part(bytes[1]), {{"type", "text"}, {"text", "\"upstream-image-0\""}}, part(bytes[2])}}}}}};
  const Json found = Json::parse(*upstream_document(request_of(asked.dump()), UpstreamImages::automatic, {}));
  const auto url = [&](int message, int place) {
    const std::string text = found["messages"][message]["content"][place]["image_url"]["url"];
    return from_base64(text.substr(text.find(',') + 1)).value_or("");
  };
  EXPECT_EQ(url(0, 0), bytes[0]);
  EXPECT_EQ(url(1, 0), bytes[1]);
  EXPECT_EQ(url(1, 2), bytes[2]);
  EXPECT_EQ(found["messages"][1]["content"][1], asked["messages"][1]["content"][1]);
}

TEST(UpstreamDocument, AnImageThatNobodyJudgedDoesNotGoUp) {
  ChatRequest request = request_of(image_request(picture("grey.jpg")));
  request.images.clear();
  EXPECT_EQ(upstream_document(request, UpstreamImages::automatic, {}).error().code, Code::internal_error);
  request = request_of(image_request(picture("grey.jpg")));
  request.images[0].bytes = nullptr;
  EXPECT_EQ(upstream_document(request, UpstreamImages::automatic, {}).error().code, Code::internal_error);
}

TEST(EventScan, ReadsAStreamInAnyPieces) {
  const std::string text =
      ": comment\n\nevent: a\ndata: {\"one\":\r\ndata:2}\r\n\r\ndata: "
      "{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\r\rdata: [DONE]\n\n";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    EventScan scan;
    for (std::size_t at = 0; at < text.size(); at += size) scan.take(std::string_view(text).substr(at, size));
    EXPECT_EQ(scan.first(), "{\"one\":\n2}") << size;
    EXPECT_TRUE(scan.done()) << size;
    ASSERT_TRUE(scan.tokens()) << size;
    EXPECT_EQ(scan.tokens()->prompt, 3);
    EXPECT_EQ(scan.tokens()->completion, 4);
  }
}

TEST(Usage, IsBothCountsOrNothing) {
  const auto found = tokens_of(Json::parse(R"({"usage": {"prompt_tokens": 3, "completion_tokens": 0}})"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->prompt, 3);
  EXPECT_EQ(found->completion, 0);
  for (const char* answer :
       {"{}", R"({"usage": null})", R"({"usage": [3, 4]})", R"({"usage": {"prompt_tokens": 3}})",
        R"({"usage": {"prompt_tokens": -3, "completion_tokens": 4}})",
        R"({"usage": {"prompt_tokens": 3, "completion_tokens": "4"}})"})
    EXPECT_FALSE(tokens_of(Json::parse(answer))) << answer;
}

TEST(EventScan, CountsChoicesThatFinished) {
  EventScan scan;
  scan.take(
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\\"finish_reason\\\": \\\"stop\\\"\"},");
  scan.take("\"finish_reason\":null}]}\n\ndata: {\"finish_reason\":\"stop\"}\n\ndata: {\"choices\":7}\n\n");
  EXPECT_EQ(scan.finished(), 0U);
  scan.take("data: {\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\" : \"length\"}]}\n\n");
  scan.take("data: {\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n");
  EXPECT_EQ(scan.finished(), 1U);
  scan.take("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
  EXPECT_EQ(scan.finished(), 2U);
  EXPECT_FALSE(scan.done());
}

TEST(EventScan, AnEventIsThereWhenItsBlankLineIs) {
  EventScan scan;
  scan.take("data: {}\n");
  EXPECT_FALSE(scan.first());
  scan.take("\n");
  EXPECT_EQ(scan.first(), "{}");
  scan.take("data: {\"text\":\"[DONE]\"}\n\n");
  EXPECT_FALSE(scan.done());
}

}  // namespace
}  // namespace holisafe::serve
