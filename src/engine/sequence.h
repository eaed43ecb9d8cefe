// An answer being written: the tokens chosen so far, and what is known of its text.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "chat/chat.h"
#include "engine/stop_texts.h"
#include "models/model.h"
#include "tokenizer/tokenizer.h"

namespace holisafe::engine {

/// One at a time; `model` must outlive it.
class Sequence {
 public:
  /// Ends by itself after `most_new_tokens`; at once where that is 0.
  Sequence(const models::Model& model, std::vector<std::int64_t> prompt, const chat::Generation& how,
           std::int64_t most_new_tokens);

  /// Chooses the next token from float32 logits [vocabulary] (which it may change) and gives what is certain
  /// of the text now. Errors: not_finite.
  Result<std::string> take(std::span<float> logits);

  /// The token chosen last.
  [[nodiscard]] std::int64_t last() const { return completion_.back(); }
  /// "stop" or "length" once it is over.
  [[nodiscard]] std::optional<std::string_view> finished() const { return finished_; }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::vector<std::int64_t>& completion() const { return completion_; }

 private:
  [[nodiscard]] std::int64_t choose(std::span<float> logits);
  void give(const std::string& piece);
  void finish(std::string_view reason);

  const models::Model& model_;
  double temperature_, top_p_, repetition_penalty_;
  std::int64_t most_;
  std::vector<std::int64_t> seen_;  ///< prompt and answer, for the repetition penalty
  std::vector<std::int64_t> completion_;
  tokenizer::StreamDecoder decoder_;
  StopTexts stops_;
  Random random_;
  std::string text_;
  std::string certain_;  ///< by the token taken last
  std::optional<std::string_view> finished_;
};

}  // namespace holisafe::engine
