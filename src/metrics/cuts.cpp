#include "metrics/cuts.h"

#include <algorithm>

namespace holisafe::metrics {

std::vector<Cut> cuts(std::vector<ScoredImage>& images) {
  std::sort(images.begin(), images.end(),
            [](const ScoredImage& a, const ScoredImage& b) { return a.score > b.score; });
  std::vector<Cut> out;
  std::uint64_t hits = 0;
  for (std::size_t i = 0; i < images.size(); ++i) {
    hits += images[i].labelled ? 1 : 0;
    const double next = i + 1 < images.size() ? images[i + 1].score : 0.0;
    if (i + 1 < images.size() && next == images[i].score) continue;
    out.push_back({images[i].score, next, hits, i + 1});
  }
  return out;
}

}  // namespace holisafe::metrics
