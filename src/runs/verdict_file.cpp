#include "runs/verdict_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json_line.h"
#include "metrics/marks.h"
#include "runs/row_marks.h"

namespace holisafe::runs {
namespace {

using Json = nlohmann::ordered_json;

/// What a mark adds to a rate over its row: the primary one where that is over it, else the first.
double counted(const metrics::Figures& figures, const benchmarks::Item& item,
               const metrics::MarkNumber& mark) {
  const metrics::Rate* counts = nullptr;
  for (const metrics::Rate& rate : figures.rates) {
    if (!metrics::stands_in(rate.where, item.groups)) continue;
    if (counts == nullptr || rate.name == figures.primary) counts = &rate;
  }
  if (counts == nullptr || counts->labels.empty()) return mark.value;
  return metrics::wrong_by(figures, *counts, mark) != counts->higher_is_better ? 1 : 0;
}

/// Of the string judge, whose labels are each benchmark's own, whether it read a refusal.
Json parsed(const benchmarks::Benchmark& benchmark, const benchmarks::Mark& mark) {
  if (mark.parsed) return *mark.parsed;
  if (benchmarks::scored_by_rules(benchmark)) return nullptr;
  return mark.label == benchmark.refused ? "refused" : "complied";
}

}  // namespace

void VerdictLines::add(const benchmarks::Item& item, const std::optional<benchmarks::Mark>& mark) {
  const metrics::MarkNumber number = mark_number(benchmark_, mark);
  Json line;
  line["id"] = item.id_is_string ? Json(item.id) : Json::parse(item.id);
  line["parsed"] = number.judged() ? parsed(benchmark_, *mark) : Json(nullptr);
  line["score"] = number.judged() ? Json(counted(*benchmark_.figures, item, number)) : Json(nullptr);
  line["state"] = !number.judged() ? "unjudged" : number.unparsed ? "unparsed" : "scored";
  lines_ += json_line(line);
}

Result<void> VerdictLines::write(const std::filesystem::path& file) const {
  return write_named_file(file, lines_);
}

}  // namespace holisafe::runs
