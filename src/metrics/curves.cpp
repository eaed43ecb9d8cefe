#include "metrics/curves.h"

#include <cstdint>

#include "metrics/cuts.h"

namespace holisafe::metrics {
namespace {

double share(std::uint64_t part, std::uint64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

Curve roc_curve(std::vector<ScoredImage> images) {
  const std::vector<Cut> all_cuts = cuts(images);
  if (all_cuts.empty()) return {};
  const Cut all = all_cuts.back();
  if (all.hits == 0 || all.hits == all.seen) return {};
  Curve out{{0, 0}};
  for (const Cut& cut : all_cuts)
    out.emplace_back(share(cut.seen - cut.hits, all.seen - all.hits), share(cut.hits, all.hits));
  return out;
}

Curve precision_recall_curve(std::vector<ScoredImage> images) {
  const std::vector<Cut> all_cuts = cuts(images);
  if (all_cuts.empty() || all_cuts.back().hits == 0) return {};
  Curve out;
  for (const Cut& cut : all_cuts)
    out.emplace_back(share(cut.hits, all_cuts.back().hits), share(cut.hits, cut.seen));
  return out;
}

Curve thinned(const Curve& curve, std::size_t most) {
  if (curve.size() <= most) return curve;
  Curve out;
  for (std::size_t i = 0; i < most; ++i) out.push_back(curve[i * (curve.size() - 1) / (most - 1)]);
  return out;
}

}  // namespace holisafe::metrics
