#include "models/prompt.h"

#include <algorithm>

namespace holisafe::models {
namespace {

Result<std::vector<ImageSpan>> find_spans(const std::vector<std::int64_t>& ids, std::int64_t image_token_id,
                                          std::span<const ProcessedImage> images) {
  std::vector<ImageSpan> spans;
  auto next = ids.begin();
  for (std::size_t image = 0; image < images.size(); ++image) {
    for (const std::int64_t tokens : images[image].piece_tokens) {
      next = std::find(next, ids.end(), image_token_id);
      const auto end = std::find_if(next, ids.end(), [&](std::int64_t id) { return id != image_token_id; });
      if (end - next != tokens) {
        return fail(ErrorKind::mismatch, "cannot place images in the prompt",
                    "image " + std::to_string(image + 1),
                    "expected " + std::to_string(tokens) + " positions, found " + std::to_string(end - next));
      }
      spans.push_back({static_cast<std::int64_t>(image), next - ids.begin(), end - ids.begin()});
      next = end;
    }
  }
  if (const auto more = std::find(next, ids.end(), image_token_id); more != ids.end()) {
    return fail(ErrorKind::mismatch, "cannot place images in the prompt",
                "position " + std::to_string(more - ids.begin()), "more image positions than images");
  }
  return spans;
}

}  // namespace

Result<Prompt> PromptText::encode(const tokenizer::Tokenizer& tokenizer, std::int64_t image_token_id,
                                  std::span<const ProcessedImage> images) const {
  std::vector<tokenizer::Piece> pieces;
  std::vector<std::uint8_t> supervised_bytes;
  for (const Part& part : parts_) {
    pieces.push_back({part.text, part.markup});
    supervised_bytes.insert(supervised_bytes.end(), part.text.size(), part.supervised ? 1 : 0);
  }
  HOLISAFE_TRY(auto encoding, tokenizer.encode(pieces));
  Prompt prompt;
  prompt.input_ids = std::move(encoding.ids);
  for (const tokenizer::Offsets& range : encoding.offsets) {
    const auto begin = supervised_bytes.begin() + static_cast<std::ptrdiff_t>(range.begin);
    const auto end = supervised_bytes.begin() + static_cast<std::ptrdiff_t>(range.end);
    // A token that also holds some of the template is not the assistant's alone.
    prompt.supervised.push_back(begin != end && std::find(begin, end, 0) == end ? 1 : 0);
  }
  HOLISAFE_TRY(prompt.spans, find_spans(prompt.input_ids, image_token_id, images));
  prompt.positions = at::arange(prompt.length(), torch::kInt64).unsqueeze(0);
  prompt.next_position = prompt.length();
  return prompt;
}

Result<void> check_turns(const chat::Conversation& conversation, std::size_t images) {
  const auto refuse = [](std::size_t turn, const char* why) {
    return fail(ErrorKind::usage, "cannot render a conversation", "turn " + std::to_string(turn + 1), why);
  };
  if (conversation.turns.empty())
    return fail(ErrorKind::usage, "cannot render a conversation", "", "it has no turn");
  chat::Role expected = chat::Role::user;
  std::size_t found = 0;
  for (std::size_t i = 0; i < conversation.turns.size(); ++i) {
    const chat::Turn& turn = conversation.turns[i];
    if (turn.role != expected) return refuse(i, "user and assistant must alternate, beginning with the user");
    if (turn.role == chat::Role::assistant && turn.images() > 0)
      return refuse(i, "expected text alone in an assistant's turn, found an image");
    found += turn.images();
    expected = expected == chat::Role::user ? chat::Role::assistant : chat::Role::user;
  }
  if (found == images) return {};
  return fail(ErrorKind::mismatch, "cannot place images in the prompt", "conversation",
              "expected " + std::to_string(images) + " images in its turns, found " + std::to_string(found));
}

Result<void> check_ids(const Prompt& prompt, std::int64_t vocab_size) {
  auto span = prompt.spans.begin();
  for (std::int64_t i = 0; i < prompt.length(); ++i) {
    while (span != prompt.spans.end() && i >= span->end) ++span;
    if (span != prompt.spans.end() && i >= span->begin) continue;
    const std::int64_t id = prompt.input_ids[static_cast<std::size_t>(i)];
    if (id >= 0 && id < vocab_size) continue;
    return fail(ErrorKind::mismatch, "tokenizer does not fit the model", "token " + std::to_string(i),
                "expected an id below " + std::to_string(vocab_size) + ", found " + std::to_string(id));
  }
  return {};
}

Result<void> check_context(const Prompt& prompt, const ModelInfo& info) {
  if (info.context_length == 0 || prompt.length() <= info.context_length) return {};
  const char* const stretched =
      info.context_length == info.positions ? "" : ", stretched by its rotary scaling";
  return fail(ErrorKind::too_large, "the question is longer than the model's context", "",
              "expected at most " + std::to_string(info.context_length) +
                  " tokens with its images (max_position_embeddings " + std::to_string(info.positions) +
                  stretched + "), found " + std::to_string(prompt.length()));
}

Prompt cut(Prompt prompt, std::int64_t length) {
  prompt.input_ids.resize(static_cast<std::size_t>(length));
  prompt.supervised.resize(static_cast<std::size_t>(length));
  prompt.positions = prompt.positions.slice(1, 0, length);
  return prompt;
}

Prompt up_to_images(Prompt prompt) {
  const std::int64_t end = prompt.spans.empty() ? 0 : prompt.spans.back().end;
  return cut(std::move(prompt), end);
}

}  // namespace holisafe::models
