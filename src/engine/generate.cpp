#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "engine/boundary.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "engine/sampling.h"
#include "engine/stop_texts.h"

namespace holisafe::engine {
namespace {

/// A sequence being written.
struct Sequence {
  Sequence(const models::Model& model, std::vector<std::int64_t> prompt, const GenerateOptions& options,
           std::uint64_t row)
      : seen(std::move(prompt)),
        decoder(model.tokenizer(), /*skip_special=*/true),
        stops(options.stops),
        random(options.seed + row) {}

  Answer answer;
  std::vector<std::int64_t> seen;  ///< prompt and answer, for the repetition penalty
  tokenizer::StreamDecoder decoder;
  StopTexts stops;
  Random random;
  bool done = false;
};

class Decoding {
 public:
  Decoding(const models::Model& model, Prefill prefill, const GenerateOptions& options, const OnText& on_text)
      : model_(model), prefill_(std::move(prefill)), options_(options), on_text_(on_text) {
    for (std::size_t row = 0; row < prefill_.prompt_ids.size(); ++row)
      sequences_.emplace_back(model, prefill_.prompt_ids[row], options, row);
  }

  Result<std::vector<Answer>> run() {
    for (std::size_t row = 0; row < sequences_.size(); ++row) end_with_context(row);
    for (std::int64_t step = 0; step < options_.max_new_tokens && !all_done(); ++step) {
      if (options_.interrupted && options_.interrupted()) {
        finish_all(FinishReason::interrupted);
        break;
      }
      HOLISAFE_TRY(const auto tokens, choose());
      for (std::size_t row = 0; row < sequences_.size(); ++row) take(row, tokens[row]);
      if (step + 1 < options_.max_new_tokens && !all_done()) advance(tokens);
    }
    finish_all(FinishReason::length);
    std::vector<Answer> answers;
    for (Sequence& sequence : sequences_) answers.push_back(std::move(sequence.answer));
    return answers;
  }

 private:
  /// The next token of every row from prefill_.logits. Errors: not_finite.
  Result<std::vector<std::int64_t>> choose() {
    const auto [largest, greedy] = prefill_.logits.max(1);
    const auto tokens = greedy.to(torch::kCPU).contiguous();
    std::vector<std::int64_t> out(tokens.const_data_ptr<std::int64_t>(),
                                  tokens.const_data_ptr<std::int64_t>() + tokens.numel());
    if (!largest.isfinite().all().item<bool>())
      return fail(ErrorKind::not_finite, "cannot choose a token", "logits",
                  "expected finite numbers, found none");
    if (options_.temperature == 0 && options_.repetition_penalty == 1) return out;
    auto logits = prefill_.logits.to(torch::kCPU).contiguous().clone();
    const auto vocabulary = static_cast<std::size_t>(logits.size(1));
    for (std::size_t row = 0; row < sequences_.size(); ++row) {
      const std::span<float> own(logits.data_ptr<float>() + row * vocabulary, vocabulary);
      out[row] = choose_in(sequences_[row], own);
    }
    return out;
  }

  std::int64_t choose_in(Sequence& sequence, std::span<float> logits) const {
    if (sequence.done) return 0;
    if (options_.repetition_penalty != 1)
      penalize_repetition(logits, sequence.seen, options_.repetition_penalty);
    if (options_.temperature == 0) return std::max_element(logits.begin(), logits.end()) - logits.begin();
    return sample(logits, options_.temperature, options_.top_p, sequence.random);
  }

  void take(std::size_t row, std::int64_t token) {
    Sequence& sequence = sequences_[row];
    if (sequence.done) return;
    sequence.answer.completion_ids.push_back(token);
    sequence.seen.push_back(token);
    const auto& stops = model_.info().stop_token_ids;
    const bool stop = std::find(stops.begin(), stops.end(), token) != stops.end();
    if (!stop) give(row, sequence.stops.push(sequence.decoder.push(token)));
    if (stop || sequence.stops.met()) finish(row, FinishReason::stop);
    if (!sequence.done) end_with_context(row);
  }

  /// Ends a sequence that fills the model's context.
  void end_with_context(std::size_t row) {
    const std::int64_t context = model_.info().context_length;
    if (context > 0 && static_cast<std::int64_t>(sequences_[row].seen.size()) >= context)
      finish(row, FinishReason::length);
  }

  [[nodiscard]] bool all_done() const {
    return std::all_of(sequences_.begin(), sequences_.end(), [](const auto& one) { return one.done; });
  }

  void give(std::size_t row, const std::string& text) {
    sequences_[row].answer.text += text;
    if (on_text_ && !text.empty()) on_text_(row, text);
  }

  void finish(std::size_t row, FinishReason reason) {
    Sequence& sequence = sequences_[row];
    give(row, sequence.stops.push(sequence.decoder.finish()));
    if (sequence.stops.met()) reason = FinishReason::stop;
    give(row, sequence.stops.finish());
    sequence.answer.finish_reason = reason;
    sequence.done = true;
  }

  void finish_all(FinishReason reason) {
    for (std::size_t row = 0; row < sequences_.size(); ++row) {
      if (!sequences_[row].done) finish(row, reason);
    }
  }

  void advance(const std::vector<std::int64_t>& tokens) {
    const auto ids = torch::tensor(tokens, torch::kInt64).unsqueeze(1).to(model_.device());  // [B, 1]
    if (prefill_.key_valid.defined()) {
      const auto one = at::ones({ids.size(0), 1}, prefill_.key_valid.options());
      prefill_.key_valid = at::cat({prefill_.key_valid, one}, 1);
    }
    nn::DecoderInputs inputs;
    inputs.embeddings = model_.decoder().embed(ids);
    inputs.positions = prefill_.next_positions;
    inputs.key_valid = prefill_.key_valid;
    const auto hidden = model_.decoder().forward(inputs, &prefill_.cache);
    prefill_.logits = model_.decoder().logits(hidden.select(1, -1)).to(torch::kFloat32);
    prefill_.next_positions = prefill_.next_positions + 1;
  }

  const models::Model& model_;
  Prefill prefill_;
  const GenerateOptions& options_;
  const OnText& on_text_;
  std::vector<Sequence> sequences_;
};

}  // namespace

std::string_view name(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::length:
      return "length";
    case FinishReason::interrupted:
      return "interrupted";
  }
  return "stop";
}

Result<std::vector<Answer>> Engine::generate(Prefill prefill, const GenerateOptions& options,
                                             const OnText& on_text) const {
  return within_boundary("cannot run the model", [&] {
    const ThreadScope threads(threads_);
    const c10::InferenceMode inference;
    return Decoding(*model_, std::move(prefill), options, on_text).run();
  });
}

}  // namespace holisafe::engine
