#include "runs/run_benchmark.h"

#include <fmt/format.h>

#include "benchmarks/open_set.h"
#include "http/address.h"
#include "runs/add_samples.h"
#include "runs/answer_ledger.h"
#include "runs/explanations.h"
#include "runs/parameter_record.h"
#include "runs/rule_judge.h"

namespace holisafe::runs {
namespace {

/// A run that was begun or taken up.
struct Begun {
  const RunPlace* place = nullptr;
  const benchmarks::Benchmark* benchmark = nullptr;
  chat::Generation how;
  std::unique_ptr<store::RunStore> store;
};

Result<const benchmarks::Benchmark*> benchmark_named(const std::string& name) {
  if (const auto* found = benchmarks::find(name)) return found;
  return fail(ErrorKind::usage, "unknown benchmark", name,
              fmt::format("expected {}", fmt::join(benchmarks::names(), ", ")));
}

chat::Generation generation(const RunSettings& settings, const benchmarks::Benchmark& benchmark) {
  chat::Generation out;
  out.max_new_tokens = settings.max_new_tokens.value_or(benchmark.max_new_tokens);
  out.temperature = settings.temperature.value_or(usual_temperature(benchmark));
  out.seed = settings.seed;
  return out;
}

/// Split, temperature and seed are named where they are not as usual, so that runs from before them go on.
store::Identity identity_of(const RunSettings& settings, const Begun& run, const Digest& data,
                            const AnswererKind& kind, const store::Identity& answerer) {
  const benchmarks::Benchmark& benchmark = *run.benchmark;
  store::Identity out = {
      {"benchmark", std::string(benchmark.name)}, {"data", hex(data)}, {"responder", std::string(kind.name)}};
  out.insert(out.end(), answerer.begin(), answerer.end());
  out.emplace_back("system", settings.system);
  out.emplace_back("max-new-tokens", fmt::format("{}", run.how.max_new_tokens));
  out.emplace_back("limit", fmt::format("{}", settings.part.limit));
  out.emplace_back("shard", fmt::format("{}/{}", settings.part.shard, settings.part.shards));
  if (!settings.split.empty() && settings.split != benchmark.default_split)
    out.emplace_back(split_name, settings.split);
  if (run.how.temperature != usual_temperature(benchmark))
    out.emplace_back("temperature", fmt::format("{}", run.how.temperature));
  if (run.how.seed != 0) out.emplace_back("seed", fmt::format("{}", run.how.seed));
  return out;
}

/// Opens the run, makes sure that it is the same, and fills it.
Result<Begun> begin(const RunSettings& settings, const RunPlace& place, const AnswererKind& kind,
                    const store::Identity& answerer) {
  Begun out;
  out.place = &place;
  HOLISAFE_TRY(out.benchmark, benchmark_named(place.benchmark));
  HOLISAFE_TRY(const std::string split, split_of(*out.benchmark, settings.split));
  const benchmarks::DataPlace data{place.data, split};
  out.how = generation(settings, *out.benchmark);
  HOLISAFE_TRY(const auto rows, open_set(*out.benchmark, data));
  HOLISAFE_TRY(const Digest digest, rows->sha256());
  HOLISAFE_TRY(auto store, store::RunStore::open(place.folder, store::Access::write));
  HOLISAFE_CHECK(store.require_same("run", identity_of(settings, out, digest, kind, answerer)));
  HOLISAFE_TRY(const auto known, store.counts());
  if (!out.benchmark->any_part_will_do) HOLISAFE_CHECK(rows->require_images());
  if (known.samples > 0 && known.open() > 0) HOLISAFE_CHECK(check_images(*rows, settings.part));
  HOLISAFE_TRY(const auto added, add_samples(store, *rows, out.benchmark->answers, settings.part));
  for (const auto& note : notes_on(added, *out.benchmark, settings.split, place.data)) {
    if (settings.warn) settings.warn(note);
  }
  if (!settings.answerer.url.empty())
    HOLISAFE_CHECK(store.put_value("endpoint", http::without_query(settings.answerer.url)));
  HOLISAFE_TRY(const auto images, rows->images());
  HOLISAFE_CHECK(remember_images(store, *images, place.data));
  HOLISAFE_CHECK(put_counting(
      store, {settings.filtered_as, settings.empty_as.value_or(usual_empty_as(*out.benchmark))}));
  out.store = std::make_unique<store::RunStore>(std::move(store));
  return out;
}

/// Of several benchmarks the one that it is about.
Error named(Error error, const RunSettings& settings, const RunPlace& place) {
  if (settings.places.size() > 1) error.what = fmt::format("{}: {}", place.benchmark, error.what);
  return error;
}

Result<std::vector<Begun>> begin_all(const RunSettings& settings, const AnswererKind& kind,
                                     const StopFlag& stop) {
  HOLISAFE_TRY(const store::Identity answerer, kind.identity(settings.answerer));
  std::vector<Begun> out;
  for (const RunPlace& place : settings.places) {
    if (stop.requested()) {
      return fail(ErrorKind::interrupted, "interrupted", place.folder.string(),
                  "nothing was asked; the same command resumes");
    }
    auto run = begin(settings, place, kind, answerer);
    if (!run) return fail(named(std::move(run).error(), settings, place));
    out.push_back(*std::move(run));
  }
  return out;
}

/// The runs' one answerer, with what they know of its parameters.
class Asking {
 public:
  Asking(const RunSettings& settings, const AnswererKind& kind, const std::vector<Begun>& runs)
      : system_(settings.system),
        draws_apart_(kind.draws_apart),
        record_(stores(runs), "run", settings.warn) {}

  Result<void> open(AnswererSettings settings, const AnswererKind& kind, const StopFlag& stop) {
    HOLISAFE_CHECK(record_.follow(settings));
    HOLISAFE_TRY(Asker asker, kind.open(std::move(settings), stop));
    asker_.emplace(std::move(asker));
    return {};
  }

  Result<ask::AskEnd> ask(const Begun& run, Progress* progress, const StopFlag& stop) {
    Prompting prompting;
    if (!system_.empty()) prompting.system = system_;
    prompting.how = run.how;
    prompting.draws_apart = draws_apart_;
    HOLISAFE_TRY(const auto ledger,
                 AnswerLedger::open(*run.store, std::move(prompting), asker_->shares_images()));
    HOLISAFE_TRY(const auto before, run.store->counts());
    const auto draw = [&](const ask::AskEnd& so_far) {
      if (progress == nullptr) return;
      progress->update(so_far.settled + so_far.unsettled, before.open(),
                       fmt::format("{}, {}", ledger->note(), faults_note(so_far.faults)));
    };
    HOLISAFE_TRY(auto end, asker_->ask(*ledger, draw, stop));
    HOLISAFE_CHECK(record_.kept());
    return end;
  }

 private:
  static std::vector<store::RunStore*> stores(const std::vector<Begun>& runs) {
    std::vector<store::RunStore*> out;
    for (const Begun& run : runs) out.push_back(run.store.get());
    return out;
  }

  std::string system_;
  bool draws_apart_;
  ParameterRecord record_;
  std::optional<Asker> asker_;
};

Result<RunEnd> finish(const Begun& run, const ask::AskEnd& asked, const RunSettings& settings,
                      const StopFlag& stop) {
  RunEnd out;
  HOLISAFE_TRY(out.counts, run.store->counts());
  out.stopped = asked.stopped;
  out.interrupted = asked.interrupted;
  if (out.stopped || out.interrupted) return out;
  HOLISAFE_CHECK(write_predictions(*run.store));
  HOLISAFE_CHECK(judge_by_rules(*run.store, *run.benchmark));
  if (settings.explainer) HOLISAFE_CHECK(explain_worst_cases(*run.store, *settings.explainer(), stop));
  HOLISAFE_TRY(out.run, write_summary_and_report(*run.store, settings.version));
  HOLISAFE_TRY(out.unanswered_reason, unanswered_reason(*run.store));
  return out;
}

}  // namespace

Result<void> run_benchmarks(RunSettings settings, const RunListener& listener, const StopFlag& stop) {
  HOLISAFE_TRY(const AnswererKind* kind, chosen_answerer(settings.answerer));
  HOLISAFE_TRY(const auto runs, begin_all(settings, *kind, stop));
  Asking asking(settings, *kind, runs);
  HOLISAFE_CHECK(asking.open(std::move(settings.answerer), *kind, stop));
  for (const Begun& run : runs) {
    auto end = [&]() -> Result<RunEnd> {
      const auto progress = listener.begun ? listener.begun(*run.place) : nullptr;
      HOLISAFE_TRY(const auto asked, asking.ask(run, progress.get(), stop));
      return finish(run, asked, settings, stop);
    }();
    if (!end) end = Result<RunEnd>(fail(named(end.error(), settings, *run.place)));
    if (listener.ended) listener.ended(*run.place, end);
    if (end && (end->stopped || end->interrupted)) break;
  }
  return {};
}

}  // namespace holisafe::runs
