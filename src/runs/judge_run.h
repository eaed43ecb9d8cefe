// A run's answers before an LLM judge: rows and verdicts in the run's store, images from its folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "judge/judging.h"
#include "judge/prompt.h"
#include "store/run_store.h"

namespace holisafe::runs {

/// Open batches are values of the store: "batch/LENGTH:JUDGE/ID", a JSON list of positions.
class StoreLedger : public judge::Ledger {
 public:
  /// `judge` is the name verdicts are kept under. The store is borrowed. Errors: missing (a store that does
  /// not say where its images lie); mismatch (the judge has verdicts from another prompt).
  static Result<std::unique_ptr<StoreLedger>> open(store::RunStore& store, const std::string& judge,
                                                   judge::PromptTemplate prompt);

  Result<std::vector<judge::PendingRow>> pending_after(std::int64_t row, std::size_t most) override;
  Result<void> record(std::span<const judge::RowVerdict> verdicts) override;
  Result<std::vector<judge::OpenBatch>> open_batches() override;
  Result<void> add_batch(const judge::OpenBatch& batch) override;
  Result<void> forget_batch(const std::string& id) override;

  /// The prompt for a row.
  [[nodiscard]] std::string prompt_for(const store::Row& row) const;

 private:
  StoreLedger(store::RunStore& store, std::string judge, judge::PromptTemplate prompt,
              std::filesystem::path images)
      : store_(store), judge_(std::move(judge)), prompt_(std::move(prompt)), images_(std::move(images)) {}
  [[nodiscard]] Result<judge::Question> question(const store::Row& row) const;
  [[nodiscard]] std::string batch_key(const std::string& id) const;

  store::RunStore& store_;
  std::string judge_;
  judge::PromptTemplate prompt_;
  std::filesystem::path images_;
};

/// What judging the rest of a run would take. Tokens are estimates: a text token is about 4 bytes of English,
/// an image counts as one of usual size.
struct JudgingCost {
  std::uint64_t calls = 0;
  std::uint64_t text_tokens = 0;
  std::uint64_t image_tokens = 0;
  std::uint64_t most_output_tokens = 0;
  std::uint64_t under_way = 0;  ///< rows in batches that were handed in; no part of the above
};

/// Nothing is asked and nothing written. `tokens_per_image` as the judge counts. Errors: those of the store.
Result<JudgingCost> judging_cost(store::RunStore& store, const std::string& judge,
                                 const judge::PromptTemplate& prompt, std::uint64_t tokens_per_image);

}  // namespace holisafe::runs
