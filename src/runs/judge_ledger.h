// A run's answers before an LLM judge: what it is asked, and where its words are kept.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ask/ask.h"
#include "benchmarks/benchmark.h"
#include "judge/prompt.h"
#include "runs/open_batches.h"
#include "store/run_store.h"

namespace holisafe::runs {

/// Judges are asked greedily for at most so many tokens, unless the command says otherwise.
inline constexpr unsigned max_judge_tokens = 100;

/// A benchmark's protocol with the prompt that is put.
struct Judging {
  const benchmarks::Protocol* protocol = nullptr;
  judge::PromptTemplate prompt;
  unsigned max_tokens = max_judge_tokens;

  /// `text` with the protocol's fields. Errors: those of judge::PromptTemplate::parse().
  static Result<Judging> with(const benchmarks::Protocol& protocol, std::string text,
                              const std::string& where);
  [[nodiscard]] std::string prompt_for(const store::Row& row) const;
};

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
              std::filesystem::path images)
      : store_(store),
        keys_(keys),
        judge_(std::move(judge)),
        judging_(std::move(judging)),
        images_(std::move(images)) {}
  [[nodiscard]] Result<chat::Question> question(const store::Row& row) const;
  [[nodiscard]] store::Judgement judgement_of(const Result<chat::Reply>& reply) const;

  store::RunStore& store_;
  AskedKeys keys_;
  std::string judge_;
  Judging judging_;
  std::filesystem::path images_;
};

}  // namespace holisafe::runs
