#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/made_request.h"
#include "serve/request.h"

namespace holisafe::serve {
namespace {

Answer<ChatRequest> read(const std::string& body, const std::set<std::string>& more = {}) {
  return read_chat_for_upstream(body, {}, more);
}
std::string passed(const std::string& body) { return outcome(read(body)); }
std::string passed_with(const std::string& member) { return passed(chat_with(member)); }
std::string passed_of(const std::string& messages) { return passed(chat_of(messages)); }

TEST(UpstreamRequest, StaysEqualButForTheModerationAndTheUrls) {
  const std::string before =
      R"({"n": 2, "model": "m", "seed": 18446744073709551615, "temperature": 0.1, "top_k": null,
      "tools": [{"type": "function", "function": {"name": "f", "parameters": {"b": 1.50, "a": {}}}}],
      "stream": true, "stream_options": {"include_usage": true}, "messages": [
      {"role": "system", "content": [)" +
      image_part(png_bytes("1")) + R"(]},
      {"role": "user", "name": "u", "content": [{"type": "text", "text": "\u00e9\u0000"}, )" +
      image_part(png_bytes("2")) + R"(]},
      {"role": "assistant", "content": null, "refusal": null, "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
      {"role": "tool", "tool_call_id": "c", "content": [)" +
      image_part(png_bytes("3")) + "]}]";
  const auto found =
      read(before + R"(, "moderation": {"model": "x", "policy": {"input": {"mode": "block"}}}})");
  ASSERT_TRUE(found) << outcome(found);
  EXPECT_TRUE(found->blocks_flagged);
  EXPECT_TRUE(found->stream);
  EXPECT_TRUE(found->include_usage);
  EXPECT_EQ(found->model, "m");
  ASSERT_EQ(found->images.size(), 3U);
  EXPECT_EQ(found->images[1].param, "messages[1].content[1].image_url.url");
  EXPECT_EQ(*found->images[2].bytes, png_bytes("3"));

  // Without the pictures nothing goes up, and each goes to its place.
  EXPECT_EQ(found->document.dump().find("base64"), std::string::npos);
  std::vector<std::string> urls;
  for (const RequestImage& image : found->images) urls.push_back(data_uri(*image.bytes));
  EXPECT_EQ(with_images(*found, urls).dump(), parse_body(before + "}")->dump());
  EXPECT_EQ(text_with_images(*found, urls), with_images(*found, urls).dump());
  EXPECT_EQ(text_with_images(*found, {urls[0]}), with_images(*found, {urls[0]}).dump());
  const auto other = with_images(*found, {"a", "b"});
  EXPECT_EQ(other["messages"][0]["content"][0]["image_url"]["url"], "a");
  EXPECT_EQ(other["messages"][1]["content"][1]["image_url"]["url"], "b");
  EXPECT_EQ(other["messages"][3]["content"][0]["image_url"]["url"], "");
}

TEST(UpstreamRequest, PassesMembersOfAClosedList) {
  for (const char* member :
       {R"("n": 3)", R"("logprobs": true)", R"("tools": [{}])",
        R"("response_format": {"type": "json_object"})", R"("top_k": 5)", R"("min_p": 0.1)",
        R"("repetition_penalty": 1.1)", R"("unknown": null)", R"("max_tokens": "x")",
        R"("reasoning_effort": "low")", R"("prediction": {"type": "content", "content": "x"})",
        R"("prediction": {"type": "content", "content": [{"type": "text", "text": "x"}]})"})
    EXPECT_EQ(passed_with(member), "fine") << member;
  for (const char* name :
       {"images", "image_embeds", "mm_processor_kwargs", "chat_template", "documents", "best_of", "Messages"})
    EXPECT_EQ(passed_with(std::string("\"") + name + "\": []"),
              std::string("unsupported_parameter at ") + name);
  EXPECT_TRUE(read(chat_with(R"("best_of": 1)"), {"best_of"}));
  EXPECT_EQ(passed_with(R"("stream": 1)"), "invalid_type at stream");
  EXPECT_EQ(passed_with(R"("moderation": 1)"), "invalid_type at moderation");
  EXPECT_EQ(passed_with(R"("n": 2, "n": 3)"), "duplicate_key at n");
}

TEST(UpstreamRequest, ItsModelIsTheUpstreamsBusiness) {
  const auto found = read(R"({"messages": [{"role": "user", "content": "x"}]})");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->model, "");
  EXPECT_EQ(passed(R"({"model": ["m"], "messages": [{"role": "user", "content": "x"}]})"),
            "invalid_type at model");
  EXPECT_EQ(passed(R"({"model": "m"})"), "missing_required_parameter at messages");
}

TEST(UpstreamRequest, PassesMessagesOfAClosedForm) {
  EXPECT_EQ(passed_of(R"([{"role": "ipython", "content": "x"}])"), "fine");
  EXPECT_EQ(passed_of(R"([{"role": "assistant"}])"), "fine");
  EXPECT_EQ(passed_of(R"([{"content": "x"}])"), "missing_required_parameter at messages[0].role");
  EXPECT_EQ(passed_of(R"(["x"])"), "invalid_type at messages[0]");
  for (const char* name : {"images", "image_url", "Content", "parts", "files", "reasoning"})
    EXPECT_EQ(passed_of(std::string(R"([{"role": "user", "content": "x", ")") + name + "\": \"y\"}]"),
              std::string("unsupported_content at messages[0].") + name);
  const auto assistant = [](const std::string& member) {
    return passed_of(R"([{"role": "assistant", "content": "x", )" + member + "}]");
  };
  EXPECT_EQ(assistant(R"("function_call": {"name": "f", "arguments": "{}"})"), "fine");
  EXPECT_EQ(assistant(R"("audio": {"id": "a"})"), "fine");
  EXPECT_EQ(assistant(R"("annotations": [])"), "fine");
  EXPECT_EQ(assistant(R"("refusal": ["x"])"), "invalid_type at messages[0].refusal");
  EXPECT_EQ(assistant(R"("annotations": [{}])"), "unsupported_content at messages[0].annotations");
  EXPECT_EQ(assistant(R"("audio": {"id": "a", "data": "x"})"),
            "unsupported_content at messages[0].audio.data");
  EXPECT_EQ(assistant(R"("tool_calls": [{"image": "x"}])"),
            "unsupported_content at messages[0].tool_calls[0].image");
  EXPECT_EQ(assistant(R"("tool_calls": [{"function": {"arguments": {"a": 1}}}])"),
            "invalid_type at messages[0].tool_calls[0].function.arguments");
}

TEST(UpstreamRequest, PassesPartsOfAClosedList) {
  const auto part = [](const std::string& text) {
    return passed_of(R"([{"role": "tool", "content": [)" + text + "]}]");
  };
  EXPECT_EQ(part(R"({"type": "refusal", "refusal": "x"})"), "fine");
  for (const char* type :
       {"input_audio", "file", "video_url", "image", "input_image", "image_embeds", "IMAGE_URL"})
    EXPECT_EQ(part(std::string(R"({"type": ")") + type + R"(", "text": "x"})"),
              "unsupported_content at messages[0].content[0].type");
  EXPECT_EQ(part(R"({"type": "text", "text": "x", "cache_control": {}})"),
            "unsupported_content at messages[0].content[0].cache_control");
  EXPECT_EQ(part(R"({"text": "x"})"), "missing_required_parameter at messages[0].content[0].type");
  EXPECT_EQ(part(R"({"type": "image_url", "image_url": {"url": "http://a.example/b"}})"),
            "image_url_not_allowed at messages[0].content[0].image_url.url");
  EXPECT_EQ(passed_with(R"("prediction": {"type": "content", "content": [)" + image_part() + "]}"),
            "unsupported_content at prediction.content[0].image_url.url");
}

std::string moderated(const std::string& body) { return outcome(read_moderation(body, {})); }

TEST(ModerationRequest, TakesImagesAmongTexts) {
  const auto found =
      read_moderation(R"({"model": "omni-moderation-latest", "input": ["a", )" + image_part(png_bytes("1")) +
                          R"(, {"type": "text", "text": "b"}, )" + image_part(png_bytes("2")) + "]}",
                      {});
  ASSERT_TRUE(found) << outcome(found);
  EXPECT_TRUE(found->as_openai());
  ASSERT_EQ(found->images.size(), 2U);
  EXPECT_EQ(found->images[0].param, "input[1].image_url.url");
  EXPECT_EQ(*found->images[1].bytes, png_bytes("2"));
  EXPECT_FALSE(read_moderation(R"({"input": [)" + image_part() + "]}", {})->as_openai());
}

TEST(ModerationRequest, SaysNothingOfTexts) {
  for (const char* input : {"\"x\"", "[]", R"(["x", "y"])", R"([{"type": "text", "text": "x"}])"})
    EXPECT_EQ(moderated(std::string(R"({"input": )") + input + "}"), "no_image at input") << input;
}

TEST(ModerationRequest, HasItsForm) {
  EXPECT_EQ(moderated("{}"), "missing_required_parameter at input");
  EXPECT_EQ(moderated(R"({"input": {}})"), "invalid_type at input");
  EXPECT_EQ(moderated(R"({"input": [1]})"), "invalid_type at input[0]");
  EXPECT_EQ(moderated(R"({"input": "x", "model": 1})"), "invalid_type at model");
  EXPECT_EQ(moderated(R"({"input": "x", "images": ["y"]})"), "unsupported_parameter at images");
  EXPECT_EQ(moderated(R"({"input": [{"type": "image", "image": "x"}]})"),
            "unsupported_content at input[0].type");
  EXPECT_EQ(moderated(R"({"input": [{"type": "image_url", "image_url": {"url": "x"}}]})"),
            "image_url_not_allowed at input[0].image_url.url");
}

std::string guarded(const std::string& body) { return outcome(read_guardrail(body, {})); }

TEST(GuardrailRequest, TakesEachPictureOnce) {
  const std::string one = data_uri(png_bytes("1"));
  const std::string two = data_uri(png_bytes("2"));
  const auto found = read_guardrail(R"({"input_type": "request", "images": [")" + one + R"("], "texts": ["x"],
      "litellm_version": {"any": 1}, "structured_messages": [{"role": "user", "content": "x"}, {"role": "user", "content": [
      {"type": "text", "text": "x", "cache_control": {}}, {"type": "image_url", "image_url": {"url": ")" +
                                        one + R"("}},
      {"type": "image_url", "image_url": ")" +
                                        two + R"("}]}]})",
                                    {});
  ASSERT_TRUE(found) << outcome(found);
  ASSERT_EQ(found->images.size(), 2U);
  EXPECT_EQ(found->images[0].param, "images[0]");
  EXPECT_EQ(found->images[1].param, "structured_messages[1].content[2].image_url");
  EXPECT_FALSE(found->is_response);
}

TEST(GuardrailRequest, HasItsForm) {
  EXPECT_EQ(guarded(R"({"input_type": "request"})"), "fine");
  EXPECT_EQ(guarded(R"({"input_type": "request", "images": null, "structured_messages": null})"), "fine");
  EXPECT_EQ(guarded("{}"), "missing_required_parameter at input_type");
  EXPECT_EQ(guarded(R"({"input_type": "other"})"), "invalid_value at input_type");
  EXPECT_EQ(guarded(R"({"input_type": "request", "images": ["x"]})"), "image_url_not_allowed at images[0]");
  EXPECT_EQ(guarded(R"({"input_type": "request", "images": [1]})"), "invalid_type at images[0]");
  EXPECT_EQ(guarded(R"({"input_type": "request", "structured_messages": [{"content": [{"type": "file"}]}]})"),
            "unsupported_content at structured_messages[0].content[0].type");
}

TEST(GuardrailRequest, PicturesOfResponsesAreNotJudged) {
  const auto found = read_guardrail(R"({"input_type": "response", "images": ["x"]})", {});
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->is_response);
  EXPECT_TRUE(found->images.empty());
}

}  // namespace
}  // namespace holisafe::serve
