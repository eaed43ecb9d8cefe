#include "metrics/class_threshold.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "metrics/binomial_interval.h"

namespace holisafe::metrics {
namespace {

using Kind = ThresholdObjective::Kind;

/// What a threshold just below one of the scores makes of the images.
struct Seen {
  double last = 0;  ///< lowest score that is seen
  double next = 0;  ///< highest one that is not; 0 where all are seen
  std::uint64_t hits = 0;
  std::uint64_t seen = 0;

  [[nodiscard]] double threshold() const { return (last + next) / 2; }
};

std::uint64_t labelled(const std::vector<ScoredImage>& images) {
  return static_cast<std::uint64_t>(
      std::count_if(images.begin(), images.end(), [](const ScoredImage& image) { return image.labelled; }));
}

/// Every cut between different scores, from the fewest seen to all.
std::vector<Seen> cuts(std::vector<ScoredImage>& images) {
  std::sort(images.begin(), images.end(),
            [](const ScoredImage& a, const ScoredImage& b) { return a.score > b.score; });
  std::vector<Seen> out;
  std::uint64_t hits = 0;
  for (std::size_t i = 0; i < images.size(); ++i) {
    hits += images[i].labelled ? 1 : 0;
    const double next = i + 1 < images.size() ? images[i + 1].score : 0.0;
    if (i + 1 < images.size() && next == images[i].score) continue;
    out.push_back({images[i].score, next, hits, i + 1});
  }
  return out;
}

double ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// Whether `cut` is taken in place of `best`, one that sees fewer (null: none so far).
bool is_better(const Seen& cut, const Seen* best, const ThresholdObjective& objective, std::uint64_t total,
               std::uint64_t others) {
  switch (objective.kind) {
    case Kind::f1:
      return best == nullptr ||
             ratio(2 * cut.hits, cut.seen + total) > ratio(2 * best->hits, best->seen + total);
    case Kind::recall:
      return best == nullptr && ratio(cut.hits, total) >= objective.wanted;
    case Kind::precision:
      return ratio(cut.hits, cut.seen) >= objective.wanted;
    case Kind::fpr:
      return ratio(cut.seen - cut.hits, others) <= objective.wanted;
  }
  return false;
}

}  // namespace

Result<ThresholdObjective> ThresholdObjective::parse(const std::string& text) {
  constexpr std::array<std::pair<std::string_view, Kind>, 3> bounds{
      {{"recall=", Kind::recall}, {"precision=", Kind::precision}, {"fpr=", Kind::fpr}}};
  if (text == "f1") return ThresholdObjective{};
  for (const auto& [word, kind] : bounds) {
    if (!text.starts_with(word)) continue;
    ThresholdObjective out{kind, 0};
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + word.size(), end, out.wanted);
    if (error == std::errc() && stop == end && out.wanted >= 0 && out.wanted <= 1) return out;
  }
  return fail(
      ErrorKind::usage, "cannot calibrate", "--objective",
      fmt::format("expected f1, recall=R, precision=P or fpr=F with a number from 0 to 1, found {}", text));
}

double class_threshold(std::vector<ScoredImage> images, const ThresholdObjective& objective) {
  const std::uint64_t total = labelled(images);
  if (total == 0) return 0.5;
  const std::uint64_t others = images.size() - total;
  const std::vector<Seen> all = cuts(images);
  const Seen* best = nullptr;
  for (const Seen& cut : all) {
    if (is_better(cut, best, objective, total, others)) best = &cut;
  }
  return best != nullptr ? best->threshold() : (all.front().last + 1) / 2;
}

ClassAtThreshold class_at_threshold(std::vector<ScoredImage> images, double threshold) {
  ClassAtThreshold out;
  out.images = labelled(images);
  const std::vector<Seen> all = cuts(images);
  Seen at;
  std::uint64_t hits = 0;
  double area = 0;
  for (const Seen& cut : all) {
    if (cut.last >= threshold) at = cut;
    area += ratio(cut.hits - hits, out.images) * ratio(cut.hits, cut.seen);
    hits = cut.hits;
  }
  if (at.seen > 0) out.precision = ratio(at.hits, at.seen);
  out.precision_interval = binomial_interval(at.hits, at.seen);
  if (out.images > 0) {
    out.recall = ratio(at.hits, out.images);
    out.average_precision = area;
  }
  out.recall_interval = binomial_interval(at.hits, out.images);
  return out;
}

}  // namespace holisafe::metrics
