#include "runs/run_benchmark.h"

#include <fmt/format.h>

#include "base/hash.h"
#include "http/address.h"
#include "runs/add_samples.h"
#include "runs/answer_ledger.h"
#include "runs/parameter_record.h"
#include "runs/rule_judge.h"

namespace holisafe::runs {
namespace {

Result<store::Identity> identity_of(const RunSettings& settings, const AnswererKind& kind,
                                    const benchmarks::Rows& rows, unsigned max_new_tokens) {
  HOLISAFE_TRY(const Digest data, rows.sha256());
  store::Identity out = {
      {"benchmark", settings.benchmark}, {"data", hex(data)}, {"responder", std::string(kind.name)}};
  HOLISAFE_TRY(const auto own, kind.identity(settings.answerer));
  out.insert(out.end(), own.begin(), own.end());
  out.emplace_back("system", settings.system);
  out.emplace_back("max-new-tokens", fmt::format("{}", max_new_tokens));
  out.emplace_back("limit", fmt::format("{}", settings.part.limit));
  out.emplace_back("shard", fmt::format("{}/{}", settings.part.shard, settings.part.shards));
  return out;
}

/// Opens the run, makes sure that it is the same, and fills it.
Result<store::RunStore> open_store(const RunSettings& settings, const AnswererKind& kind,
                                   const benchmarks::Benchmark& benchmark, unsigned max_new_tokens) {
  HOLISAFE_TRY(const auto rows, benchmark.open(settings.data));
  HOLISAFE_TRY(const auto identity, identity_of(settings, kind, *rows, max_new_tokens));
  HOLISAFE_TRY(auto store, store::RunStore::open(settings.folder, store::Access::write));
  HOLISAFE_CHECK(store.require_same("run", identity));
  HOLISAFE_TRY(const std::uint64_t disagreements,
               add_samples(store, *rows, benchmark.answers, settings.part));
  if (disagreements > 0 && settings.warn) settings.warn(contradictions(settings.data, disagreements));
  if (!settings.answerer.url.empty())
    HOLISAFE_CHECK(store.put_value("endpoint", http::without_query(settings.answerer.url)));
  HOLISAFE_CHECK(remember_images(store, rows->images()));
  HOLISAFE_CHECK(put_counting(store, settings.counting));
  return store;
}

Result<ask::AskEnd> ask(RunSettings& settings, const AnswererKind& kind, store::RunStore& store,
                        unsigned max_new_tokens, Progress* progress, const StopFlag& stop) {
  Prompting prompting;
  if (!settings.system.empty()) prompting.system = settings.system;
  prompting.how.max_new_tokens = max_new_tokens;
  ParameterRecord record(store, "run", settings.warn);
  HOLISAFE_CHECK(record.follow(settings.answerer));
  HOLISAFE_TRY(Asker asker, kind.open(std::move(settings.answerer), stop));
  HOLISAFE_TRY(const auto ledger, AnswerLedger::open(store, std::move(prompting), asker.shares_images()));
  HOLISAFE_TRY(const auto before, store.counts());
  const auto draw = [&](const ask::AskEnd& so_far) {
    if (progress == nullptr) return;
    progress->update(so_far.settled + so_far.unsettled, before.open(),
                     fmt::format("{}, {}", ledger->note(), faults_note(so_far.faults)));
  };
  HOLISAFE_TRY(auto end, asker.ask(*ledger, draw, stop));
  HOLISAFE_CHECK(record.kept());
  return end;
}

}  // namespace

Result<RunEnd> run_benchmark(RunSettings settings, Progress* progress, const StopFlag& stop) {
  const auto* benchmark = benchmarks::find(settings.benchmark);
  if (benchmark == nullptr) {
    return fail(ErrorKind::usage, "unknown benchmark", settings.benchmark,
                fmt::format("expected {}", fmt::join(benchmarks::names(), ", ")));
  }
  const unsigned max_new_tokens = settings.max_new_tokens.value_or(benchmark->max_new_tokens);
  HOLISAFE_TRY(const AnswererKind* kind, chosen_answerer(settings.answerer));
  HOLISAFE_TRY(auto store, open_store(settings, *kind, *benchmark, max_new_tokens));
  HOLISAFE_TRY(const auto asked, ask(settings, *kind, store, max_new_tokens, progress, stop));
  RunEnd out;
  HOLISAFE_TRY(out.counts, store.counts());
  out.stopped = asked.stopped;
  out.interrupted = asked.interrupted;
  if (out.stopped || out.interrupted) return out;
  HOLISAFE_CHECK(judge_by_rule(store, benchmark->rules.front()));
  HOLISAFE_CHECK(write_predictions(store));
  HOLISAFE_TRY(out.run, write_summary_and_report(store, settings.version));
  HOLISAFE_TRY(out.unanswered_reason, unanswered_reason(store));
  return out;
}

}  // namespace holisafe::runs
