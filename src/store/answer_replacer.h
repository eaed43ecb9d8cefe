// Answers in the place of those that a store has, as one change: of a run whose answers come from elsewhere.
//
//   HOLISAFE_TRY(auto replacer, AnswerReplacer::begin(store));
//   HOLISAFE_CHECK(replacer.put(answers));
//   HOLISAFE_CHECK(replacer.commit({{"data", sha256}, {"model", "gpt-4o"}}));
#pragma once

#include <vector>

#include "store/run_store.h"

namespace holisafe::store {

/// All that is put between begin() and commit(), or nothing. Memory does not grow with the answers. One
/// thread at a time; lives no longer than its store, of which nothing else may be called until it is gone.
class AnswerReplacer {
 public:
  /// Errors of all functions: those of Database.
  static Result<AnswerReplacer> begin(const RunStore& store);
  /// Of an answer that is another than the one before, all judgements go; others stay.
  Result<void> put(const RunStore::Answers& answers);
  /// Makes the answers and `identity` what the run is made from.
  Result<void> commit(const Identity& identity);

 private:
  AnswerReplacer(const Database& database, Transaction transaction, Statement same, Statement answer)
      : database_(&database),
        transaction_(std::move(transaction)),
        same_(std::move(same)),
        answer_(std::move(answer)) {}
  Result<void> put(const AnswerKey& key, const Answer& answer);

  const Database* database_;
  Transaction transaction_;
  Statement same_;
  Statement answer_;
  std::vector<std::string> judges_;
  std::vector<Statement> judgements_;  ///< that take away one of each judge
};

}  // namespace holisafe::store
