#include "runs/answer_run.h"

#include <deque>
#include <map>

#include <fmt/format.h>

#include "metrics/running.h"
#include "runs/row_marks.h"

namespace holisafe::runs {
namespace {

/// The samples still to be asked, a few of them in memory.
class Questions {
 public:
  Questions(const store::RunStore& store, bool by_image) : store_(store), by_image_(by_image) {}

  /// The next question, or all of the next image; empty after the last.
  Result<std::vector<store::Row>> next() {
    if (by_image_) {
      HOLISAFE_TRY(auto rows, store_.unanswered_of_cluster_after(cluster_));
      if (!rows.empty()) cluster_ = rows.back().sample.cluster;
      return rows;
    }
    constexpr std::size_t page = 64;
    if (page_.empty()) {
      HOLISAFE_TRY(auto rows, store_.unanswered_after(last_, page));
      if (!rows.empty()) last_ = rows.back().key();
      page_.assign(std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
    }
    std::vector<store::Row> out;
    if (page_.empty()) return out;
    out.push_back(std::move(page_.front()));
    page_.pop_front();
    return out;
  }

 private:
  const store::RunStore& store_;
  bool by_image_;
  std::int64_t cluster_ = -1;  ///< the last one asked
  store::AnswerKey last_;
  std::deque<store::Row> page_;
};

/// Figures by the benchmark's rule as answers come.
class RunningRates {
 public:
  RunningRates(const benchmarks::Benchmark& benchmark, FilterAs filter_as)
      : benchmark_(benchmark), filter_as_(filter_as), figures_(*benchmark.figures) {}

  void add(const store::Sample& sample, const store::Answer& answer) {
    if (answer.state == store::AnswerState::answered) {
      const auto& rule = benchmark_.rules.front();
      figures_.add(sample.groups,
                   mark_by_rule(benchmark_, rule, item_of(sample), std::span(&answer.text, 1)));
    } else if (answer.state == store::AnswerState::filtered && filter_as_ == FilterAs::refused) {
      figures_.add(sample.groups, metrics::mark_number(*benchmark_.figures, benchmark_.filtered));
    }
  }

  [[nodiscard]] std::string note(const Faults& faults) const {
    std::string out = fmt::format("{}, {} faults", figures_.note(), faults.total());
    const auto add_kind = [&, first = true](std::uint64_t count, std::string_view what) mutable {
      if (count > 0) out += fmt::format("{}{} {}", std::exchange(first, false) ? " (" : ", ", count, what);
    };
    auto kind = add_kind;
    kind(faults.turned_away, "429");
    kind(faults.server, "5xx");
    kind(faults.timeouts, "time-outs");
    kind(faults.network, "network");
    kind(faults.malformed, "malformed");
    if (faults.total() > 0) out += ")";
    return out;
  }

 private:
  const benchmarks::Benchmark& benchmark_;
  FilterAs filter_as_;
  metrics::RunningFigures figures_;
};

class RunLoop {
 public:
  RunLoop(store::RunStore& store, Responder& responder, Progress* progress, const StopFlag& stop,
          const benchmarks::Benchmark& benchmark, FilterAs filter_as)
      : store_(store),
        responder_(responder),
        progress_(progress),
        stop_(stop),
        questions_(store, responder.groups_images()),
        rates_(benchmark, filter_as) {}

  Result<RunEnd> run() {
    HOLISAFE_CHECK(count_earlier_answers());
    HOLISAFE_TRY(const auto before, store_.counts());
    total_ = before.open();
    while (true) {
      if (stop_.urgent()) {
        responder_.drop_all();
        break;
      }
      if (stop_.requested() && !std::exchange(finishing_, true)) responder_.finish_only();
      if (!finishing_ && !responder_.stopped()) HOLISAFE_CHECK(ask());
      if (responder_.pending() == 0) break;
      HOLISAFE_CHECK(keep(responder_.poll(milliseconds(100))));
    }
    RunEnd out;
    HOLISAFE_TRY(out.counts, store_.counts());
    out.stopped = responder_.stopped();
    out.interrupted = !out.stopped && stop_.requested() && done_ < total_;
    out.faults = responder_.faults();
    return out;
  }

 private:
  Result<void> count_earlier_answers() {
    HOLISAFE_TRY(auto rows, store_.rows(""));
    store::Row row;
    while (true) {
      HOLISAFE_TRY(const bool found, rows.next(row));
      if (!found) return {};
      if (row.answer) rates_.add(row.sample, *row.answer);
    }
  }

  Result<void> ask() {
    while (!exhausted_ && responder_.has_room()) {
      HOLISAFE_TRY(auto rows, questions_.next());
      exhausted_ = rows.empty();
      for (const auto& row : rows) samples_[row.key()] = row.sample;
      if (!exhausted_) responder_.ask(std::move(rows));
    }
    return {};
  }

  Result<void> keep(const store::RunStore::Answers& answers) {
    HOLISAFE_CHECK(store_.write(answers));
    for (const auto& [key, answer] : answers) {
      const auto sample = samples_.find(key);
      rates_.add(sample->second, answer);
      samples_.erase(sample);
      ++done_;
    }
    if (progress_ != nullptr) progress_->update(done_, total_, rates_.note(responder_.faults()));
    return {};
  }

  store::RunStore& store_;
  Responder& responder_;
  Progress* progress_;
  const StopFlag& stop_;
  Questions questions_;
  RunningRates rates_;
  std::map<store::AnswerKey, store::Sample> samples_;  ///< of the questions in flight
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
  bool exhausted_ = false;
  bool finishing_ = false;
};

}  // namespace

Result<RunEnd> answer_run(store::RunStore& store, Responder& responder, Progress* progress,
                          const StopFlag& stop) {
  HOLISAFE_TRY(const FilterAs counted, filter_as(store));
  HOLISAFE_TRY(const auto* benchmark, benchmark_of({"", {&store}}));
  return RunLoop(store, responder, progress, stop, *benchmark, counted).run();
}

}  // namespace holisafe::runs
