#include "engine/sequence.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/sampling.h"

namespace holisafe::engine {

Sequence::Sequence(const models::Model& model, std::vector<std::int64_t> prompt, const chat::Generation& how,
                   std::int64_t most_new_tokens)
    : model_(model),
      temperature_(how.temperature),
      top_p_(how.top_p),
      repetition_penalty_(how.repetition_penalty),
      most_(most_new_tokens),
      seen_(std::move(prompt)),
      decoder_(model.tokenizer(), /*skip_special=*/true),
      stops_(how.stops),
      random_(how.seed) {
  if (most_ == 0) finish("length");
}

Result<std::string> Sequence::take(std::span<float> logits) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  const bool none = std::any_of(logits.begin(), logits.end(), [](float logit) { return std::isnan(logit); });
  if (none || !std::isfinite(largest))
    return fail(ErrorKind::not_finite, "cannot choose a token", "logits",
                "expected finite numbers, found none");
  const std::int64_t token = choose(logits);
  completion_.push_back(token);
  seen_.push_back(token);
  const auto& ends = model_.info().stop_token_ids;
  const bool stop = std::find(ends.begin(), ends.end(), token) != ends.end();
  if (!stop) give(stops_.push(decoder_.push(token)));
  if (stop || stops_.met()) {
    finish("stop");
  } else if (static_cast<std::int64_t>(completion_.size()) >= most_) {
    finish("length");
  }
  return std::exchange(certain_, {});
}

std::int64_t Sequence::choose(std::span<float> logits) {
  if (repetition_penalty_ != 1) penalize_repetition(logits, seen_, repetition_penalty_);
  if (temperature_ == 0) return std::max_element(logits.begin(), logits.end()) - logits.begin();
  return sample(logits, temperature_, top_p_, random_);
}

void Sequence::give(const std::string& piece) {
  text_ += piece;
  certain_ += piece;
}

void Sequence::finish(std::string_view reason) {
  give(stops_.push(decoder_.finish()));
  finished_ = stops_.met() ? "stop" : reason;
  give(stops_.finish());
}

}  // namespace holisafe::engine
