// A guard's answers about a benchmark's images in a store (RUN/guard_answers.db, or one in memory): an image
// a sample, its answers by number one a prompt, each an output of the guard's format as JSON.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ask/ask.h"
#include "guard_formats/guard_format.h"
#include "runs/guard_images.h"
#include "runs/open_batches.h"
#include "store/run_store.h"

namespace holisafe::runs {

/// How one image's answers are read.
struct GuardReader {
  const guard_formats::GuardFormat* format = nullptr;
  std::vector<guard_formats::Prompt> prompts;  ///< those that were asked, by name; empty: nobody was asked
  std::optional<double> threshold;             ///< flagged from this score on; nothing: the guard decides

  /// What became of an image: `flagged` is there. Rows of its answers, by number.
  [[nodiscard]] guard_formats::Reading read(std::span<const store::Row> rows) const;
};

/// Fills a store with the images, unless it has them. Errors: those of the store.
Result<void> add_images(store::RunStore& store, const GuardImages& images, std::size_t answers_an_image);

/// What is asked of images that have no answer yet, and where the answers go.
class GuardLedger : public ask::Ledger {
 public:
  /// Store and images are borrowed.
  GuardLedger(store::RunStore& store, const GuardImages& images, std::vector<guard_formats::Prompt> prompts,
              unsigned max_new_tokens)
      : store_(store),
        images_(images),
        prompts_(std::move(prompts)),
        keys_(static_cast<std::int64_t>(prompts_.size())),
        max_new_tokens_(max_new_tokens) {}

  Result<std::vector<ask::Pending>> pending_after(chat::Key key, std::size_t most) override;
  Result<std::size_t> record(std::span<const ask::Ended> ended) override;
  /// Guards are asked one by one: there are no batches.
  Result<std::vector<ask::OpenBatch>> open_batches() override { return std::vector<ask::OpenBatch>(); }
  Result<void> add_batch(const ask::OpenBatch& batch) override;
  Result<void> forget_batch(const std::string& id) override;

 private:
  [[nodiscard]] Result<chat::Question> question(const store::Row& row) const;

  store::RunStore& store_;
  const GuardImages& images_;
  std::vector<guard_formats::Prompt> prompts_;
  AskedKeys keys_;
  unsigned max_new_tokens_;
};

}  // namespace holisafe::runs
