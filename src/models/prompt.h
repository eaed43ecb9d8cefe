// A template being filled: pieces of markup and of what people wrote, then token ids.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/model.h"
#include "tokenizer/tokenizer.h"

namespace holisafe::models {

/// Collects a conversation's text piece by piece. All pieces together are tokenised as one text, but only
/// markup may hold special tokens: what people typed stays text.
class PromptText {
 public:
  void markup(std::string text) { add(std::move(text), true, false); }
  void typed(std::string text) { add(std::move(text), false, false); }
  /// The assistant's words and the token that ends them: what training supervises.
  void answer(std::string text, std::string end) {
    add(std::move(text), false, true);
    add(std::move(end), true, true);
  }

  /// Ids and supervised positions; spans are the runs of `image_token_id`, which must be as long as the
  /// pieces of the images, in order. Positions count from 0. Errors: the tokenizer's, mismatch (another
  /// number of image positions).
  [[nodiscard]] Result<Prompt> encode(const tokenizer::Tokenizer& tokenizer, std::int64_t image_token_id,
                                      std::span<const ProcessedImage> images) const;

 private:
  struct Part {
    std::string text;
    bool markup;
    bool supervised;
  };
  void add(std::string text, bool markup, bool supervised) {
    parts_.push_back({std::move(text), markup, supervised});
  }

  std::deque<Part> parts_;
};

/// Errors: usage (no turn, turns that do not alternate beginning with the user's, an image in an assistant's
/// turn), each naming the turn; mismatch (another number of images in its turns than `images`).
Result<void> check_turns(const chat::Conversation& conversation, std::size_t images);

/// That every id outside the images has a row in an embedding of `vocab_size` rows: files of a tokenizer and
/// of weights may not belong together. Errors: mismatch (names id, token position and rows).
Result<void> check_ids(const Prompt& prompt, std::int64_t vocab_size);

/// That a prompt with its images fits into the model's context. Errors: too_large (names
/// max_position_embeddings, its value, and the tokens found).
Result<void> check_context(const Prompt& prompt, const ModelInfo& info);

/// The first `length` tokens of a prompt; no image reaches beyond them.
Prompt cut(Prompt prompt, std::int64_t length);

/// The prompt up to its last image's last token: nothing after it changes a verdict.
Prompt up_to_images(Prompt prompt);

}  // namespace holisafe::models
