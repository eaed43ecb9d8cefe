// How questions are named while they are asked, and the batches under way of one asker in a run's store:
// values "batch/LENGTH:NAME/ID", a JSON list of keys.
#pragma once

#include <string>
#include <vector>

#include "ask/ask.h"
#include "store/run_store.h"

namespace holisafe::runs {

/// The name of an answer's question, and back.
class AskedKeys {
 public:
  explicit AskedKeys(std::int64_t answers_a_sample) : answers_(answers_a_sample < 1 ? 1 : answers_a_sample) {}
  [[nodiscard]] chat::Key asked(store::AnswerKey key) const { return key.position * answers_ + key.number; }
  /// Of -1: what stands before all.
  [[nodiscard]] store::AnswerKey kept(chat::Key key) const {
    return key < 0 ? store::AnswerKey{} : store::AnswerKey{key / answers_, key % answers_};
  }

 private:
  std::int64_t answers_;
};

/// `name`: a judge's, or "run". Errors of all: those of the store; malformed (a list that is none).
Result<std::vector<ask::OpenBatch>> open_batches(const store::RunStore& store, const std::string& name);
Result<void> add_batch(store::RunStore& store, const std::string& name, const ask::OpenBatch& batch);
Result<void> forget_batch(store::RunStore& store, const std::string& name, const std::string& id);

}  // namespace holisafe::runs
