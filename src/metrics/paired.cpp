#include "metrics/paired.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "metrics/plan.h"

namespace holisafe::metrics {
namespace {

/// Of each term: rows, what counts in the first run, what counts in the second.
constexpr std::size_t per_term = 3;

/// Rows on which only one run is wrong, by term.
struct OnlyWrong {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  bool fractions = false;  ///< whether some row counts as a fraction
};

bool is_fraction(double weight) { return weight > 0 && weight < 1; }

/// The counts of all rows and by cluster.
struct Counts {
  std::vector<double> total;
  ClusterCounts clusters;
  std::vector<OnlyWrong> only;
  std::uint64_t left_out = 0;
};

Counts count(const Plan& plan, std::span<const PairedRow> rows) {
  const std::size_t terms = plan.terms().size();
  Counts out{std::vector<double>(per_term * terms), ClusterCounts(per_term * terms),
             std::vector<OnlyWrong>(terms), 0};
  const Figures& figures = plan.figures();
  for (const PairedRow& row : rows) {
    if (!row.first.judged() || !row.second.judged()) {
      ++out.left_out;
      continue;
    }
    out.clusters.grow(row.cluster + std::size_t{1});
    const auto cluster = out.clusters.of(row.cluster);
    for (const std::uint32_t term : plan.terms_of(row.place)) {
      const std::uint32_t rate = plan.terms()[term].rate;
      const std::array<double, per_term> added = {1, plan.weight(rate, row.first),
                                                  plan.weight(rate, row.second)};
      for (std::size_t k = 0; k < per_term; ++k) {
        out.total[per_term * term + k] += added[k];
        cluster[per_term * term + k] += added[k];
      }
      const bool first = wrong_by(figures, figures.rates[rate], row.first);
      const bool second = wrong_by(figures, figures.rates[rate], row.second);
      out.only[term].first += first && !second ? 1 : 0;
      out.only[term].second += second && !first ? 1 : 0;
      if (is_fraction(added[1]) || is_fraction(added[2])) out.only[term].fractions = true;
    }
  }
  return out;
}

/// The figures of one run from the counts: `which` is 1 for the first, 2 for the second.
void figures_of(const Plan& plan, std::span<const double> totals, std::size_t which,
                std::vector<Share>& shares, std::span<double> out) {
  for (std::size_t term = 0; term < shares.size(); ++term)
    shares[term] = {totals[per_term * term + which], totals[per_term * term]};
  plan.values(shares, out);
}

/// Rows and test of a figure: a rate's own, a mean's over all its terms.
PairedFigure rows_of(const Plan& plan, const Counts& counts, std::size_t figure) {
  const std::size_t rates = plan.figures().rates.size();
  const std::vector<std::uint32_t> terms =
      figure < rates ? std::vector{static_cast<std::uint32_t>(figure)} : plan.mean_terms(figure - rates);
  PairedFigure out;
  OnlyWrong only;
  for (const std::uint32_t term : terms) {
    out.rows += static_cast<std::uint64_t>(counts.total[per_term * term]);
    only.first += counts.only[term].first;
    only.second += counts.only[term].second;
    only.fractions = only.fractions || counts.only[term].fractions;
  }
  if (!only.fractions) out.test = mcnemar(only.first, only.second);
  return out;
}

}  // namespace

McNemar mcnemar(std::uint64_t only_first_wrong, std::uint64_t only_second_wrong) {
  McNemar out{only_first_wrong, only_second_wrong, 1};
  const auto rows = static_cast<double>(only_first_wrong + only_second_wrong);
  const std::uint64_t fewer = std::min(only_first_wrong, only_second_wrong);
  double tail = 0;  // P(X <= fewer), X binomial(rows, 1/2), from the largest term down
  for (std::uint64_t k = 0; k <= fewer; ++k) {
    const auto below = static_cast<double>(fewer - k);
    const double term = std::exp(std::lgamma(rows + 1) - std::lgamma(below + 1) -
                                 std::lgamma(rows - below + 1) - rows * std::log(2.0));
    tail += term;
    if (term < tail * std::numeric_limits<double>::epsilon() / 16) break;
  }
  out.p_value = std::min(1.0, 2 * tail);
  return out;
}

Comparison compare(const Figures& figures, const PairedRows& rows, const BootstrapOptions& options) {
  const Plan plan(figures, rows.places.all());
  const Counts counts = count(plan, rows.rows);
  const std::size_t figure_total = plan.count();
  std::vector<Share> shares(plan.terms().size());
  std::vector<double> first(figure_total);
  std::vector<double> second(figure_total);
  const auto differences = [&](std::span<const double> totals, std::span<double> out) {
    figures_of(plan, totals, 1, shares, first);
    figures_of(plan, totals, 2, shares, second);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = second[i] - first[i];
  };
  const auto intervals = cluster_bootstrap(counts.clusters, options, figure_total, differences);
  figures_of(plan, counts.total, 1, shares, first);
  figures_of(plan, counts.total, 2, shares, second);

  Comparison out;
  out.definition = &figures;
  out.left_out = counts.left_out;
  for (std::size_t i = 0; i < figure_total; ++i) {
    out.figures.emplace_back();
    if (!defined(first[i])) continue;
    PairedFigure found = rows_of(plan, counts, i);
    found.first = first[i];
    found.second = second[i];
    found.difference = second[i] - first[i];
    found.interval = intervals[i];
    out.figures.back() = found;
  }
  return out;
}

}  // namespace holisafe::metrics
