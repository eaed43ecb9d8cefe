// A run's questions and their answers: what is asked, and where what comes is kept.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ask/ask.h"
#include "metrics/running.h"
#include "runs/asked_images.h"
#include "runs/open_batches.h"
#include "runs/row_marks.h"
#include "store/run_store.h"

namespace holisafe::runs {

/// How every question of a run is put.
struct Prompting {
  std::optional<std::string> system;
  chat::Generation how;
  bool draws_apart = false;  ///< AnswererKind::draws_apart
};

/// Figures by the benchmark's rule as answers come.
class RunningRates {
 public:
  RunningRates(const benchmarks::Benchmark& benchmark, const Counting& counting)
      : benchmark_(benchmark), counting_(counting), figures_(*benchmark.figures) {}
  void add(const store::Sample& sample, const store::Answer& answer);
  /// "ASR 12.3%, RR 45.6%"
  [[nodiscard]] std::string note() const { return figures_.note(); }

 private:
  const benchmarks::Benchmark& benchmark_;
  Counting counting_;
  metrics::RunningFigures figures_;
};

/// A refusal in a field of its own is an answer; a filtered question is settled, and so is one whose answer
/// is empty.
class AnswerLedger : public ask::Ledger {
 public:
  /// The store is borrowed and holds its samples. `by_image`: questions of one cluster follow each other.
  /// Errors: those of the store; missing (a store that does not say where its images lie).
  static Result<std::unique_ptr<AnswerLedger>> open(store::RunStore& store, Prompting prompting,
                                                    bool by_image);

  Result<std::vector<ask::Pending>> pending_after(chat::Key key, std::size_t most) override;
  Result<std::size_t> record(std::span<const ask::Ended> ended) override;
  Result<std::vector<ask::OpenBatch>> open_batches() override;
  Result<void> add_batch(const ask::OpenBatch& batch) override;
  Result<void> forget_batch(const std::string& id) override;

  /// How the answers are so far, those of earlier calls included.
  [[nodiscard]] std::string note() const { return rates_.note(); }

 private:
  AnswerLedger(store::RunStore& store, AskedKeys keys, Prompting prompting, bool by_image,
               std::shared_ptr<sources::ImageSource> images, RunningRates rates)
      : store_(store),
        keys_(keys),
        prompting_(std::move(prompting)),
        by_image_(by_image),
        images_(std::move(images)),
        rates_(std::move(rates)) {}
  Result<void> count_earlier_answers();
  Result<chat::Question> question(const store::Row& row);

  store::RunStore& store_;
  AskedKeys keys_;
  Prompting prompting_;
  bool by_image_;
  AskedImages images_;
  RunningRates rates_;
  /// What rules need of the rows that were asked for and have not been recorded.
  std::unordered_map<chat::Key, store::Sample> in_hand_;
  std::int64_t last_cluster_ = -1;
};

}  // namespace holisafe::runs
