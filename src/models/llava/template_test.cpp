#include "models/llava/template.h"

#include <gmock/gmock.h>

#include "models/llava/llava_case.h"
#include "models/prompt.h"

namespace holisafe::models::llava {
namespace {

using testing::HasSubstr;

std::vector<ProcessedImage> processed(const Model& model, std::size_t count) {
  std::vector<ProcessedImage> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(*model.process_image(gradient(60, 70)));
  return out;
}

/// Text of a prompt; an image is one <image>.
std::string text_of(const Model& model, const Prompt& prompt) {
  std::vector<std::int64_t> ids;
  std::string out;
  const std::int64_t image = model.info().image_token_id;
  for (const std::int64_t id : prompt.input_ids) {
    if (id != image) {
      ids.push_back(id);
    } else if (!ids.empty() || out.empty()) {
      out += model.tokenizer().decode(ids, false) + "[I]";
      ids.clear();
    }
  }
  return out + model.tokenizer().decode(ids, false);
}

chat::Conversation asked(std::string text, std::size_t images,
                         std::optional<std::string> system = std::nullopt) {
  return chat::single_turn(std::vector<chat::Image>(images), std::move(text), std::move(system));
}

TEST_F(LlavaTest, TemplateOfTransformersLayout) {
  const auto model = load("tiny");
  ASSERT_TRUE(model);
  const auto images = processed(*model, 2);
  const auto text = [&](const chat::Conversation& conversation) {
    const std::size_t count = conversation.images().size();
    const auto prompt = model->render(conversation, std::span(images).first(count));
    EXPECT_TRUE(prompt) << prompt.error().message();
    EXPECT_EQ(prompt->spans.size(), count);
    for (const ImageSpan& span : prompt->spans) EXPECT_EQ(span.end - span.begin, 16);
    return text_of(*model, *prompt);
  };
  EXPECT_EQ(text(asked("hi", 0)), "<s> USER: hi ASSISTANT:");
  EXPECT_THAT(text(asked(" hi \n", 1)), testing::EndsWith("\n hi \n ASSISTANT:"));
  EXPECT_THAT(text(asked("hi", 1)), testing::StartsWith("<s> USER: [I]"));
  EXPECT_THAT(text(asked("hi", 1, "Be kind.")), testing::StartsWith("<s> Be kind. USER: [I]"));
  // Typed placeholders stay text; the number of images is that of the pictures.
  EXPECT_THAT(text(asked("an <image> here", 1)), testing::EndsWith("an <image> here ASSISTANT:"));
  EXPECT_EQ(text(asked("<image></s>", 0)), "<s> USER: <image></s> ASSISTANT:");
  const auto two = model->render(asked("hi", 2), images);
  ASSERT_TRUE(two);
  EXPECT_EQ(std::count(two->input_ids.begin(), two->input_ids.end(), model->info().image_token_id), 32);
  EXPECT_EQ(two->next_position, two->length());
}

TEST_F(LlavaTest, AnswersAndTheirEndsAreSupervised) {
  for (const char* preset : {"tiny", "tiny-original"}) {
    const auto model = load(preset);
    ASSERT_TRUE(model);
    const auto images = processed(*model, 1);
    const chat::Conversation talk{std::nullopt,
                                  {{chat::Role::user, {chat::Image{}, "what is it"}},
                                   {chat::Role::assistant, {"a red cup"}},
                                   {chat::Role::user, {"where"}},
                                   {chat::Role::assistant, {"here"}}}};
    const auto prompt = model->render(talk, images);
    ASSERT_TRUE(prompt) << prompt.error().message();
    ASSERT_EQ(prompt->supervised.size(), prompt->input_ids.size());
    std::vector<std::int64_t> supervised;
    for (std::size_t i = 0; i < prompt->supervised.size(); ++i) {
      if (prompt->supervised[i] != 0) supervised.push_back(prompt->input_ids[i]);
    }
    EXPECT_EQ(model->tokenizer().decode(supervised, false), "a red cup</s> here</s>");
    EXPECT_THAT(text_of(*model, *prompt), HasSubstr("what is it ASSISTANT: a red cup</s>"));
  }
}

TEST_F(LlavaTest, TemplatesOfTheOriginalLayout) {
  const auto model = load("tiny-original");
  ASSERT_TRUE(model);
  const auto images = processed(*model, 2);
  const auto prompt = model->render(asked("an <image> here", 2), images);
  ASSERT_TRUE(prompt);
  EXPECT_EQ(std::count(prompt->input_ids.begin(), prompt->input_ids.end(), -200), 32);
  EXPECT_THAT(text_of(*model, *prompt),
              testing::StartsWith("<s> A chat between a curious user and an artificial"));
  // Each section by itself, with its own dummy prefix.
  const auto& tokenizer = model->tokenizer();
  auto expected = std::vector<std::int64_t>(1, *tokenizer.bos_id());
  const std::string system =
      "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, "
      "detailed, and polite answers to the user's questions.";
  const auto add = [&](const std::string& text) {
    const auto ids = *tokenizer.encode(text);
    expected.insert(expected.end(), ids.begin(), ids.end());
  };
  add(system + " USER: ");
  expected.insert(expected.end(), 16, -200);
  add("\n");
  expected.insert(expected.end(), 16, -200);
  add("\nan <image> here ASSISTANT:");
  EXPECT_EQ(prompt->input_ids, expected);

  LoadOptions options;
  options.prompt_template = "llava_v1";
  const auto other = load("tiny-original", options);
  ASSERT_TRUE(other);
  EXPECT_THAT(text_of(*other, *other->render(asked("hi", 2), images)),
              testing::StartsWith("<s> A chat between a curious human and an artificial"));
  EXPECT_THAT(text_of(*other, *other->render(asked("hi", 2, "Be kind."), images)),
              testing::StartsWith("<s> Be kind. USER: [I]"));
}

TEST_F(LlavaTest, ImagesOpenTheirTurnInTransformersLayout) {
  const auto model = load("tiny");
  ASSERT_TRUE(model);
  const auto images = processed(*model, 3);
  const chat::Conversation talk{"Be kind.",
                                {{chat::Role::user, {"one", chat::Image{}, "two", chat::Image{}}},
                                 {chat::Role::assistant, {"a cup"}},
                                 {chat::Role::user, {chat::Image{}}}}};
  const auto prompt = model->render(talk, images);
  ASSERT_TRUE(prompt) << prompt.error().message();
  ASSERT_EQ(prompt->spans.size(), 3U);
  for (std::int64_t i = 0; i < 3; ++i) EXPECT_EQ(prompt->spans[static_cast<std::size_t>(i)].image, i);
  // One text with the placeholders where transformers' template puts them.
  std::string image;
  for (int i = 0; i < 16; ++i) image += "<image>";
  const std::string text = "Be kind. USER: " + image + "\n" + image +
                           "\none two ASSISTANT: a cup</s>USER: " + image + "\nASSISTANT:";
  auto expected = std::vector<std::int64_t>(1, *model->tokenizer().bos_id());
  const std::array<tokenizer::Piece, 1> pieces{{{text, true}}};
  const auto ids = model->tokenizer().encode(pieces)->ids;
  expected.insert(expected.end(), ids.begin(), ids.end());
  EXPECT_EQ(prompt->input_ids, expected);
}

TEST_F(LlavaTest, ImagesStandAnywhereInTheOriginalLayout) {
  const auto model = load("tiny-original");
  ASSERT_TRUE(model);
  const chat::Conversation talk{"Be kind.",
                                {{chat::Role::user, {"one ", chat::Image{}, " two", chat::Image{}}},
                                 {chat::Role::assistant, {"a cup"}},
                                 {chat::Role::user, {chat::Image{}, "and"}}}};
  const auto prompt = model->render(talk, processed(*model, 3));
  ASSERT_TRUE(prompt) << prompt.error().message();
  auto expected = std::vector<std::int64_t>(1, *model->tokenizer().bos_id());
  bool image = false;
  for (const char* text :
       {"Be kind. USER: one ", " two", " ASSISTANT: a cup</s>USER: ", "\nand ASSISTANT:"}) {
    if (image) expected.insert(expected.end(), 16, -200);
    image = true;
    const std::array<tokenizer::Piece, 1> pieces{{{text, true}}};
    const auto ids = model->tokenizer().encode(pieces)->ids;
    expected.insert(expected.end(), ids.begin(), ids.end());
  }
  EXPECT_EQ(prompt->input_ids, expected);
}

TEST_F(LlavaTest, IdsBeyondTheEmbeddingAreErrors) {
  const auto model = load("tiny");
  ASSERT_TRUE(model);
  const auto prompt = model->render(asked("hi", 1), processed(*model, 1));
  ASSERT_TRUE(prompt);
  EXPECT_TRUE(check_ids(*prompt, 1000));
  const auto found = check_ids(*prompt, 2);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::mismatch);
  EXPECT_THAT(found.error().message(), HasSubstr("expected an id below 2"));
}

TEST_F(LlavaTest, UnknownTemplatesAreErrors) {
  LoadOptions options;
  options.prompt_template = "mpt";
  EXPECT_EQ(Llava::load(folder_ / "tiny", options).error().kind, ErrorKind::usage);
  EXPECT_EQ(Llava::load(folder_ / "tiny-original", options).error().kind, ErrorKind::usage);
}

}  // namespace
}  // namespace holisafe::models::llava
