#include "judge/judging.h"

#include <optional>

namespace holisafe::judge {
namespace {

/// One pass over the pending rows.
class LiveJudging {
 public:
  LiveJudging(Endpoint& endpoint, Ledger& ledger, const OnProgress& progress, const StopFlag& stop)
      : endpoint_(endpoint), client_(endpoint.client()), ledger_(ledger), progress_(progress), stop_(stop) {}

  Result<JudgingEnd> run() {
    while (true) {
      if (!end_.interrupted) HOLISAFE_CHECK(submit());
      HOLISAFE_CHECK(keep());
      if (client_.pending() == 0 && (exhausted_ || end_.interrupted)) break;
      client_.poll(http::milliseconds(200));
      if (stop_.urgent()) client_.drop_all();
      if (stop_.requested() && !end_.interrupted) {
        end_.interrupted = true;
        client_.finish_only();
      }
      HOLISAFE_CHECK(keep());
    }
    return end_;
  }

 private:
  /// Fills the free places.
  Result<void> submit() {
    while (!exhausted_ && client_.has_room()) {
      if (next_ == page_.size()) {
        constexpr std::size_t page_rows = 64;
        HOLISAFE_TRY(page_, ledger_.pending_after(last_, page_rows));
        next_ = 0;
        exhausted_ = page_.empty();
        if (exhausted_) break;
        last_ = page_.back().row;
      }
      const PendingRow& pending = page_[next_++];
      const auto question = pending.question();
      if (question) {
        client_.submit(endpoint_.ask(*question),
                       [this, row = pending.row](const http::Outcome& outcome) { take(row, outcome); });
      } else {
        ended_.emplace_back(pending.row, judged_from(fail(question.error()), client_.key()));
      }
    }
    return {};
  }

  void take(std::int64_t row, const http::Outcome& outcome) {
    if (outcome.error && outcome.error->kind == ErrorKind::unauthorized) {
      // Says nothing of the row: it stays as it was.
      if (!fatal_) fatal_ = outcome.error;
      return;
    }
    const Result<std::string> answer =
        outcome.error ? Result<std::string>(fail(*outcome.error)) : endpoint_.answer(outcome.response);
    ended_.emplace_back(row, judged_from(answer, client_.key()));
  }

  /// Keeps what has ended since the last time.
  Result<void> keep() {
    if (!ended_.empty()) {
      HOLISAFE_CHECK(ledger_.record(ended_));
      for (const auto& [row, judged] : ended_)
        ++(judged.verdict == Verdict::unjudged ? end_.unjudged : end_.judged);
      ended_.clear();
      progress_(end_);
    }
    if (!fatal_) return {};
    client_.drop_all();
    return fail(std::move(*fatal_));
  }

  Endpoint& endpoint_;
  http::Client& client_;
  Ledger& ledger_;
  const OnProgress& progress_;
  const StopFlag& stop_;
  JudgingEnd end_;
  std::vector<PendingRow> page_;
  std::size_t next_ = 0;
  std::int64_t last_ = -1;
  bool exhausted_ = false;
  std::vector<RowVerdict> ended_;
  std::optional<Error> fatal_;
};

}  // namespace

Judged judged_from(const Result<std::string>& answer, const http::Secret& key) {
  if (answer) {
    Judged out = read_verdict(*answer);
    out.text = key.redact_answer(std::move(out.text));
    out.reason = key.redact(std::move(out.reason));
    return out;
  }
  return {Verdict::unjudged, {}, key.redact(answer.error().message())};
}

Result<JudgingEnd> judge_rows(Endpoint& endpoint, Ledger& ledger, const OnProgress& progress,
                              const StopFlag& stop) {
  return LiveJudging(endpoint, ledger, progress, stop).run();
}

Result<JudgingEnd> judge_rows(const LocalAnswer& model, Ledger& ledger, const OnProgress& progress,
                              const StopFlag& stop) {
  constexpr std::size_t page_rows = 64;
  const http::Secret no_key;
  JudgingEnd end;
  for (std::int64_t last = -1; !stop.requested();) {
    HOLISAFE_TRY(const auto page, ledger.pending_after(last, page_rows));
    if (page.empty()) return end;
    for (const PendingRow& pending : page) {
      if (stop.requested()) break;
      last = pending.row;
      const auto question = pending.question();
      const RowVerdict verdict{last,
                               judged_from(question ? model(*question) : fail(question.error()), no_key)};
      HOLISAFE_CHECK(ledger.record({&verdict, 1}));
      ++(verdict.second.verdict == Verdict::unjudged ? end.unjudged : end.judged);
      progress(end);
    }
  }
  end.interrupted = true;
  return end;
}

}  // namespace holisafe::judge
