// A run's answers before an LLM judge: what it is asked, and where its words are kept.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ask/ask.h"
#include "benchmarks/benchmark.h"
#include "judge/prompt.h"
#include "runs/asked_images.h"
#include "runs/open_batches.h"
#include "store/run_store.h"

namespace holisafe::runs {

/// Judges are asked greedily for at most so many tokens, unless the command says otherwise.
inline constexpr unsigned max_judge_tokens = 100;

/// A benchmark's protocol with the prompts that are put.
struct Judging {
  const benchmarks::Protocol* protocol = nullptr;
  /// One for all rows, or those of the protocol.
  std::vector<judge::PromptTemplate> prompts;
  unsigned max_tokens = max_judge_tokens;
  /// What `{mark}` stands for: a word beside the marks around what is judged, so that no text can write
  /// these.
  std::string mark = {};

  /// A prompt, and what was done to what it holds.
  struct Asked {
    std::string text;
    std::string note;  ///< "a verdict's tag in response was defused"; may be empty
  };

  /// `text` with the protocol's fields and `{mark}`, about every row. Errors: those of
  /// judge::PromptTemplate::parse().
  static Result<Judging> with(const benchmarks::Protocol& protocol, std::string text,
                              const std::string& where);
  /// The protocol's own prompts.
  static Result<Judging> of(const benchmarks::Protocol& protocol);
  /// About the answer of a row, without its reasoning; verdicts' tags in the row and its answer are defused.
  /// Errors: unexpected (a text that holds the mark).
  [[nodiscard]] Result<Asked> prompt_for(const store::Row& row) const;
  /// The prompt as a judge's identity knows it, of several all of them: marks are no part of it, so that
  /// judges from before there were any are still themselves.
  [[nodiscard]] std::string known_text() const;

 private:
  [[nodiscard]] const judge::PromptTemplate& prompt_of(const benchmarks::Item& item) const;
  /// Errors: unexpected (a row's own text holds the mark, or a part of it beside the rest).
  [[nodiscard]] Result<void> check_marks(const judge::FilledPrompt& filled, const std::string& id) const;
};

/// The mark of a run's judges: a word drawn from what the run is made from.
Result<std::string> mark_of(const store::RunStore& store);

/// Whatever comes back, a row ends with a judgement, or unjudged
/// with a reason, and is pending again next time.
class JudgeLedger : public ask::Ledger {
 public:
  /// `judge` is the name that judgements are kept under. The store is borrowed. Errors: missing (a store that
  /// does not say where its images lie).
  static Result<std::unique_ptr<JudgeLedger>> open(store::RunStore& store, std::string judge,
                                                   Judging judging);

  Result<std::vector<ask::Pending>> pending_after(chat::Key key, std::size_t most) override;
  Result<std::size_t> record(std::span<const ask::Ended> ended) override;
  Result<std::vector<ask::OpenBatch>> open_batches() override;
  Result<void> add_batch(const ask::OpenBatch& batch) override;
  Result<void> forget_batch(const std::string& id) override;

 private:
  JudgeLedger(store::RunStore& store, AskedKeys keys, std::string judge, Judging judging,
              std::shared_ptr<sources::ImageSource> images)
      : store_(store),
        keys_(keys),
        judge_(std::move(judge)),
        judging_(std::move(judging)),
        images_(std::move(images)) {}
  Result<chat::Question> question(const store::Row& row);
  [[nodiscard]] store::Judgement judgement_of(const Result<chat::Reply>& reply) const;

  store::RunStore& store_;
  AskedKeys keys_;
  std::string judge_;
  Judging judging_;
  AskedImages images_;
  std::unordered_map<chat::Key, std::string>
      notes_;  ///< of questions put, on what was done to their material
};

}  // namespace holisafe::runs
