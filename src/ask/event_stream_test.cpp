#include "ask/event_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ask/provider.h"

namespace holisafe::ask {
namespace {

using testing::HasSubstr;

/// The answer that a stream of events makes up, or what is wrong with it.
std::string streamed(const Provider& provider, const char* text) {
  EXPECT_TRUE(is_event_stream(text));
  const auto events = stream_events(provider.name, text);
  if (!events) return events.error().message();
  const auto whole = provider.whole(*events);
  if (!whole) return whole.error().message();
  const auto found = reply_in(provider, *whole);
  return found ? found->text + "|" + found->finish_reason : found.error().message();
}

TEST(EventStreams, AreReadAsTheAnswersTheyAre) {
  EXPECT_EQ(
      streamed(
          openai_provider(),
          ": comment\r\n\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\r\n\r\n"
          "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"I'm "
          "\",\"reasoning_content\":\"hm\"}}]}\n\n"
          "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"not "
          "me\"},\"finish_reason\":\"stop\"}]}\n\n"
          "data:{\"choices\":[{\"delta\":{\"content\":\"sorry\"},\"finish_reason\":\"length\"}]}\n\n"
          "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\ndata: [DONE]\n\n"),
      "I'm sorry|length");
  EXPECT_EQ(
      streamed(anthropic_provider(),
               "event: message_start\ndata: "
               "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":1}}}\n\n"
               "event: content_block_start\ndata: "
               "{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"thinking\"}}\n\n"
               "event: content_block_start\ndata: "
               "{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
               "event: content_block_delta\ndata: "
               "{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"no\"}}\n\n"
               "event: ping\ndata: {\"type\":\"ping\"}\n\n"
               "event: message_delta\ndata: "
               "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_"
               "tokens\":2}}\n"),
      "no|end_turn");
  EXPECT_EQ(
      streamed(gemini_provider(),
               "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"n\"}]}}]}\n\n"
               "data: "
               "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"o\"}]},\"finishReason\":\"STOP\"}]}\n\n"
               "data: {\"usageMetadata\":{}}\n\n"),
      "no|STOP");
  for (const Provider* provider : providers()) {
    EXPECT_THAT(streamed(*provider, "data: {}\n\n"), HasSubstr("ends before it"));
    EXPECT_THAT(streamed(*provider, "data: {\"error\":{\"message\":\"fell over\"}}\n\n"),
                HasSubstr("fell over"));
    EXPECT_THAT(streamed(*provider, "data: {\"cho\n\n"), HasSubstr("expected JSON"));
    EXPECT_THAT(streamed(*provider, "data: [DONE]\n\n"), HasSubstr("without data"));
  }
  for (const char* other : {"", "{}", "<html>", "date: x", " data"})
    EXPECT_FALSE(is_event_stream(other)) << other;
}

}  // namespace
}  // namespace holisafe::ask
