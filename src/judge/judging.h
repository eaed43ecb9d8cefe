// Asking an LLM judge about many rows: one call a row, or in batches. Whatever happens, a row ends with a
// verdict, or unjudged with a reason and is asked again next time; verdicts are kept as they come.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "judge/endpoint.h"
#include "judge/verdict_tag.h"

namespace holisafe::judge {

/// A row to judge. `row` names it where verdicts are kept.
struct PendingRow {
  std::int64_t row = 0;
  std::function<Result<Question>()> question;  ///< reads the image
};

using RowVerdict = std::pair<std::int64_t, Judged>;

/// A batch that was handed in and has not been fetched.
struct OpenBatch {
  std::string id;  ///< the provider's
  std::vector<std::int64_t> rows;
};

/// Where rows come from and verdicts are kept. What a writing function was given is safe when it returns.
class Ledger {
 public:
  Ledger() = default;
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  virtual ~Ledger() = default;

  /// The next rows without a verdict after `row` (-1: from the start) in ascending order, at most `most`.
  virtual Result<std::vector<PendingRow>> pending_after(std::int64_t row, std::size_t most) = 0;
  /// Replaces nothing but unjudged verdicts.
  virtual Result<void> record(std::span<const RowVerdict> verdicts) = 0;

  virtual Result<std::vector<OpenBatch>> open_batches() = 0;
  virtual Result<void> add_batch(const OpenBatch& batch) = 0;
  virtual Result<void> forget_batch(const std::string& id) = 0;
};

/// How judging went, over the rows that had no verdict at its start.
struct JudgingEnd {
  std::uint64_t judged = 0;
  std::uint64_t unjudged = 0;  ///< asked, and left without a verdict
  bool interrupted = false;
};

/// Called with how far judging is; faults and limits are the client's to tell.
using OnProgress = std::function<void(const JudgingEnd& so_far)>;

/// One call a row, as many at a time as the endpoint's client allows. When `stop` is requested, what is under
/// way is finished (dropped, if it is urgent). Errors: unauthorized, at the first such response (nothing more
/// is sent); those of the ledger.
Result<JudgingEnd> judge_rows(Endpoint& endpoint, Ledger& ledger, const OnProgress& progress,
                              const StopFlag& stop);

/// A model on this machine: the text it answers to a question, greedily, in at most max_answer_tokens.
using LocalAnswer = std::function<Result<std::string>(const Question& question)>;

/// The same with a model on this machine, one row after the other. Between two rows it heeds `stop`.
Result<JudgingEnd> judge_rows(const LocalAnswer& model, Ledger& ledger, const OnProgress& progress,
                              const StopFlag& stop);

struct BatchOptions {
  std::size_t rows = 0;      ///< of one batch at most; 0: as the provider allows
  std::uint64_t bytes = 0;   ///< of one batch's text at most; 0: as the provider allows, up to 100 MB
  unsigned max_retries = 5;  ///< so often are rows that failed handed in again
  http::milliseconds first_look{1'000};
  http::milliseconds longest_wait{60'000};  ///< between two looks
};

/// Batches that the ledger knows as open are taken up first: none is handed in twice. Rows come back in any
/// order and are told apart by their id; those that failed in a way that may pass are handed in again, the
/// others' verdicts are kept. Errors: unauthorized; those of looking at and fetching a batch, which stays
/// open in the ledger; those of the ledger.
Result<JudgingEnd> judge_in_batches(Endpoint& endpoint, Ledger& ledger, const BatchOptions& options,
                                    const OnProgress& progress, const StopFlag& stop);

/// What a judge's answer, or its absence, makes of a row; the key is taken out of all texts.
Judged judged_from(const Result<std::string>& answer, const http::Secret& key);

}  // namespace holisafe::judge
