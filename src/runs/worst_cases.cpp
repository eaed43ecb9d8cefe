#include "runs/worst_cases.h"

#include <algorithm>
#include <utility>

#include "verdicts/verdict_json.h"

namespace holisafe::runs {

void WorstCases::add(const store::Row& row, const benchmarks::Item& item, const metrics::MarkNumber& mark) {
  const auto images = item.images();
  if (!row.answer || !row.answer->verdict || !item.label || images.size() != 1) return;
  if (!images_.insert(images.front()).second) return;
  const taxonomy::Verdict& verdict = *row.answer->verdict;
  WorstCase out;
  out.position = item.position;
  out.image = images.front();
  out.label = static_cast<std::size_t>(*item.label);
  out.harm = verdicts::most_probable_harm(verdict);
  out.probability = verdict.scores[out.harm];
  out.flagged = verdict.unsafe() >= threshold_;
  out.query = item.query;
  out.answer = row.answer->text;
  if (mark.judged() && mark.label < figures_->labels.size()) out.marked = figures_->labels[mark.label];
  if (out.label != 0 && !out.flagged) {
    out.kind = WorstCase::Kind::missed;
    keep(1 - verdict.unsafe(), std::move(out));
  } else if (out.label == 0 && out.flagged) {
    out.kind = WorstCase::Kind::false_alarm;
    keep(verdict.unsafe(), std::move(out));
  } else if (out.label != 0 && out.harm != out.label) {
    out.kind = WorstCase::Kind::wrong_class;
    const double probability = out.probability;
    keep(probability, std::move(out));
  }
}

/// Of equally bad ones the first in the data.
void WorstCases::keep(double badness, WorstCase worst) {
  auto& kept = kept_[static_cast<std::size_t>(worst.kind)];
  const auto place =
      std::find_if(kept.begin(), kept.end(), [&](const Ranked& other) { return other.badness < badness; });
  if (place == kept.end() && kept.size() >= most_worst_cases) return;
  kept.insert(place, {badness, std::move(worst)});
  if (kept.size() > most_worst_cases) kept.pop_back();
}

std::vector<WorstCase> WorstCases::take() {
  std::vector<WorstCase> out;
  for (auto& kept : kept_) {
    for (Ranked& each : kept) out.push_back(std::move(each.worst));
    kept.clear();
  }
  return out;
}

}  // namespace holisafe::runs
