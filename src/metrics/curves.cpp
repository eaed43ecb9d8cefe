#include "metrics/curves.h"

#include <algorithm>

namespace holisafe::metrics {

Curves curves(std::vector<ScoredImage> images) {
  const auto labelled = static_cast<double>(
      std::count_if(images.begin(), images.end(), [](const ScoredImage& image) { return image.labelled; }));
  const double others = static_cast<double>(images.size()) - labelled;
  Curves out;
  if (labelled == 0 || others == 0) return out;
  std::sort(images.begin(), images.end(),
            [](const ScoredImage& a, const ScoredImage& b) { return a.score > b.score; });
  out.roc.emplace_back(0, 0);
  double found = 0;
  double alarms = 0;
  for (std::size_t begin = 0; begin < images.size();) {
    std::size_t end = begin;
    while (end < images.size() && images[end].score == images[begin].score)
      ++(images[end++].labelled ? found : alarms);
    out.roc.emplace_back(alarms / others, found / labelled);
    out.precision_recall.emplace_back(found / labelled, found / (found + alarms));
    begin = end;
  }
  return out;
}

}  // namespace holisafe::metrics
