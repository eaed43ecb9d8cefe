// Judging in batches (judging.h). What must survive a kill is in the ledger: the ids of open batches with
// their rows, and verdicts. A batch is forgotten only after its verdicts are kept, so at worst they are kept
// twice.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <set>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "judge/batch_service.h"
#include "judge/judging.h"

namespace holisafe::judge {
namespace {

constexpr std::string_view id_prefix = "row-";

std::string row_id(std::int64_t row) { return fmt::format("{}{}", id_prefix, row); }

/// -1 where the id is none of ours.
std::int64_t row_of(std::string_view id) {
  if (!id.starts_with(id_prefix)) return -1;
  id.remove_prefix(id_prefix.size());
  std::int64_t out = -1;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), out);
  return error == std::errc() && end == id.data() + id.size() ? out : -1;
}

/// False as soon as `stop` is requested.
bool wait(http::milliseconds time, const StopFlag& stop) {
  constexpr http::milliseconds turn{50};
  const auto until = http::Clock::now() + time;
  while (http::Clock::now() < until) {
    if (stop.requested()) return false;
    std::this_thread::sleep_for(std::min<http::Clock::duration>(turn, until - http::Clock::now()));
  }
  return !stop.requested();
}

/// Rounds of handing in, waiting and fetching, until nothing is left that may be tried again.
class BatchJudging {
 public:
  BatchJudging(Endpoint& endpoint, Ledger& ledger, const BatchOptions& options, const OnProgress& progress,
               const StopFlag& stop)
      : service_(endpoint.provider().batches(endpoint)),
        endpoint_(endpoint),
        ledger_(ledger),
        options_(options),
        progress_(progress),
        stop_(stop) {}

  Result<JudgingEnd> run() {
    HOLISAFE_TRY(open_, ledger_.open_batches());
    for (unsigned round = 0; round <= options_.max_retries; ++round) {
      HOLISAFE_CHECK(hand_in());
      if (open_.empty()) break;
      HOLISAFE_CHECK(wait_for_all());
      if (stopped()) break;
    }
    end_.interrupted = stopped();
    end_.unjudged = failed_.size();
    return end_;
  }

 private:
  [[nodiscard]] bool stopped() const { return stop_.requested(); }

  [[nodiscard]] BatchLimits limits() const {
    constexpr std::uint64_t most_bytes = 100'000'000;  // a batch is held in memory
    BatchLimits out = service_->limits();
    out.bytes = std::min(out.bytes, options_.bytes == 0 ? most_bytes : options_.bytes);
    if (options_.rows != 0) out.rows = std::min(out.rows, options_.rows);
    return out;
  }

  /// Hands in every pending row that is in no open batch and may still be tried.
  Result<void> hand_in() {
    std::unordered_set<std::int64_t> under_way;
    for (const OpenBatch& batch : open_) under_way.insert(batch.rows.begin(), batch.rows.end());
    BatchText text(limits(), service_->separator());
    std::int64_t last = -1;
    while (!stopped()) {
      constexpr std::size_t page_rows = 64;
      HOLISAFE_TRY(const auto page, ledger_.pending_after(last, page_rows));
      if (page.empty()) break;
      last = page.back().row;
      for (const PendingRow& pending : page) {
        if (stopped()) break;
        if (under_way.contains(pending.row) || settled_.contains(pending.row)) continue;
        HOLISAFE_CHECK(add(pending, text));
      }
    }
    if (!stopped()) HOLISAFE_CHECK(submit(text));
    return keep();
  }

  Result<void> add(const PendingRow& pending, BatchText& text) {
    const auto question = pending.question();
    if (!question) {
      settle(pending.row, fail(question.error()));
      return {};
    }
    const Json body = endpoint_.provider().body(*question, endpoint_.model());
    const std::string line = service_->line(row_id(pending.row), body);
    if (!text.fits(line.size())) HOLISAFE_CHECK(submit(text));
    text.add(pending.row, line);
    return {};
  }

  /// Hands in what was collected. A batch that is not taken leaves its rows to the next round.
  Result<void> submit(BatchText& text) {
    if (text.empty()) return {};
    auto id = service_->submit(text.text(), stop_);
    const std::vector<std::int64_t> rows = text.rows();
    text.clear();
    if (id) {
      OpenBatch batch{std::move(*id), rows};
      HOLISAFE_CHECK(ledger_.add_batch(batch));
      open_.push_back(std::move(batch));
      return {};
    }
    const ErrorKind kind = id.error().kind;
    if (kind == ErrorKind::interrupted) return {};
    if (kind == ErrorKind::unauthorized) return fail(std::move(id).error());
    for (const std::int64_t row : rows) {
      if (kind == ErrorKind::refused || kind == ErrorKind::unexpected) {
        settle(row, fail(id.error()));
      } else {
        ended_.emplace_back(row, judged_from(fail(id.error()), endpoint_.client().key()));
        failed_.insert(row);
      }
    }
    return keep();
  }

  /// Looks at the open batches in turn, ever less often, and fetches those that have ended.
  Result<void> wait_for_all() {
    auto pause = options_.first_look;
    while (!open_.empty()) {
      for (std::size_t i = 0; i < open_.size();) {
        if (stopped()) return {};
        HOLISAFE_TRY(const bool fetched, look(open_[i]));
        if (fetched) open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(i));
        if (!fetched) ++i;
      }
      if (open_.empty() || !wait(pause, stop_)) return {};
      pause = std::min(options_.longest_wait, pause * 3 / 2);
    }
    return {};
  }

  Result<bool> look(const OpenBatch& batch) {
    auto state = service_->look(batch.id, stop_);
    if (!state && state.error().kind == ErrorKind::interrupted) return false;
    if (!state && state.error().kind == ErrorKind::refused) {
      // The provider does not know it (any more): its rows are asked for anew.
      state = BatchState{true, {}, {}, true, state.error().message()};
    }
    if (!state) return fail(std::move(state).error());
    if (!state->ended) return false;
    std::unordered_map<std::int64_t, BatchRow> rows;
    for (const Json& row : state->rows) take(row, rows);
    for (const std::string& url : state->results) {
      http::Request request = endpoint_.get("");
      request.url = url;
      const auto response = endpoint_.call(std::move(request), stop_);
      if (!response && response.error().kind == ErrorKind::interrupted) return false;
      if (!response) return fail(response.error());
      take_lines(response->body, rows);
    }
    settle_batch(batch, *state, rows);
    HOLISAFE_CHECK(keep());
    HOLISAFE_CHECK(ledger_.forget_batch(batch.id));
    return true;
  }

  void take_lines(std::string_view text, std::unordered_map<std::int64_t, BatchRow>& rows) const {
    while (!text.empty()) {
      const auto end = std::min(text.find('\n'), text.size());
      const Json row = Json::parse(text.substr(0, end), nullptr, false);
      if (!row.is_discarded()) take(row, rows);  // a line cut short: its row is missing, and asked again
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

  /// Of rows that came twice the first that holds an answer counts.
  void take(const Json& json, std::unordered_map<std::int64_t, BatchRow>& rows) const {
    auto row = service_->read_row(json);
    if (!row) return;
    const auto [place, added] = rows.try_emplace(row_of(row->id), *row);
    if (!added && !place->second.answer && row->answer) place->second = std::move(*row);
  }

  void settle_batch(const OpenBatch& batch, const BatchState& state,
                    const std::unordered_map<std::int64_t, BatchRow>& rows) {
    for (const std::int64_t row : batch.rows) {
      const auto place = rows.find(row);
      const bool missing = place == rows.end();
      const Result<std::string> answer =
          missing ? fail(ErrorKind::missing, "no verdict came back", row_id(row), state.missing_reason)
                  : place->second.answer;
      if (!answer && (missing ? state.missing_again : place->second.again)) {
        ended_.emplace_back(row, judged_from(answer, endpoint_.client().key()));
        failed_.insert(row);
      } else {
        settle(row, answer);
      }
    }
  }

  /// The row's last word in this pass, with or without a verdict.
  void settle(std::int64_t row, const Result<std::string>& answer) {
    ended_.emplace_back(row, judged_from(answer, endpoint_.client().key()));
    settled_.insert(row);
    if (ended_.back().second.verdict == Verdict::unjudged) {
      failed_.insert(row);
    } else {
      failed_.erase(row);
      ++end_.judged;
    }
  }

  Result<void> keep() {
    if (ended_.empty()) return {};
    HOLISAFE_CHECK(ledger_.record(ended_));
    ended_.clear();
    end_.unjudged = failed_.size();
    progress_(end_);
    return {};
  }

  std::unique_ptr<BatchService> service_;
  Endpoint& endpoint_;
  Ledger& ledger_;
  const BatchOptions& options_;
  const OnProgress& progress_;
  const StopFlag& stop_;
  std::vector<OpenBatch> open_;
  std::vector<RowVerdict> ended_;
  std::unordered_set<std::int64_t> settled_;  ///< not to be handed in again
  std::set<std::int64_t> failed_;             ///< without a verdict so far
  JudgingEnd end_;
};

}  // namespace

Result<JudgingEnd> judge_in_batches(Endpoint& endpoint, Ledger& ledger, const BatchOptions& options,
                                    const OnProgress& progress, const StopFlag& stop) {
  return BatchJudging(endpoint, ledger, options, progress, stop).run();
}

}  // namespace holisafe::judge
