#include "runs/rule_judge.h"

#include "judge/answer.h"
#include "runs/add_samples.h"
#include "runs/row_marks.h"

namespace holisafe::runs {

Result<void> judge_by_rule(store::RunStore& store, const benchmarks::Rule& rule) {
  constexpr std::size_t batch = 512;
  const std::string judge(rule.name);
  HOLISAFE_TRY(const auto* benchmark, benchmark_of({"", {&store}}));
  store::AnswerKey last;
  while (true) {
    HOLISAFE_TRY(const auto rows, store.unjudged_after(judge, last, batch));
    if (rows.empty()) return {};
    store::RunStore::Judgements judgements;
    for (const auto& row : rows) {
      // Of an empty answer that an older program kept as one, too: it counts nowhere, whatever is kept.
      const std::string answer(judge::answer_in(row.answer->text).value_or(""));
      const benchmarks::Item item = item_of(row.sample);
      HOLISAFE_CHECK(check_target(*benchmark, item, store.folder().string()));
      const auto mark = rule.mark(item, std::span(&answer, 1));
      judgements.emplace_back(row.key(), store::Judgement{mark.label, "", ""});
    }
    HOLISAFE_CHECK(store.write(judge, judgements));
    last = rows.back().key();
  }
}

Result<void> judge_by_rules(store::RunStore& store, const benchmarks::Benchmark& benchmark) {
  for (const auto& rule : benchmark.rules) HOLISAFE_CHECK(judge_by_rule(store, rule));
  return {};
}

}  // namespace holisafe::runs
