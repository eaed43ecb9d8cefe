#include "metrics/score.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "metrics/plan.h"

namespace holisafe::metrics {
namespace {

/// How unjudged rows count.
enum class Unjudged { out, against, in };

Share share(const Plan& plan, const Plan::Term& term, const Tally& tally, Unjudged unjudged) {
  Share out{0, static_cast<double>(tally.judged())};
  if (plan.by_value(term.rate)) {
    out.counted = tally.value;
  } else {
    for (std::size_t label = 0; label < tally.labels.size(); ++label) {
      if (plan.counts(term.rate, label)) out.counted += static_cast<double>(tally.labels[label]);
    }
  }
  if (unjudged == Unjudged::out) return out;
  out.judged += static_cast<double>(tally.unjudged);
  if (unjudged == Unjudged::in) out.counted += static_cast<double>(tally.unjudged);
  return out;
}

std::vector<double> values(const Plan& plan, std::span<const Tally> slices, Unjudged unjudged) {
  std::vector<Share> shares;
  shares.reserve(plan.terms().size());
  for (const Plan::Term& term : plan.terms())
    shares.push_back(share(plan, term, slices[term.slice], unjudged));
  std::vector<double> out(plan.count());
  plan.values(shares, out);
  return out;
}

/// Figures from the counts of each slice.
FigureList figures_of(const Plan& plan, std::span<const Tally> slices) {
  const auto now = values(plan, slices, Unjudged::out);
  const auto low = values(plan, slices, Unjudged::against);
  const auto high = values(plan, slices, Unjudged::in);
  FigureList out(plan.count());
  const std::size_t rates = plan.figures().rates.size();
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i < rates) {
      out[i].tally = slices[plan.terms()[i].slice];
    } else {
      std::set<std::uint32_t> mean_slices;
      out[i].tally.labels.resize(plan.labels());
      for (const std::uint32_t term : plan.mean_terms(i - rates)) {
        const std::uint32_t slice = plan.terms()[term].slice;
        if (mean_slices.insert(slice).second) out[i].tally += slices[slice];
      }
    }
    out[i].value = defined(now[i]);
    out[i].low = defined(low[i]);
    out[i].high = defined(high[i]);
  }
  return out;
}

Tally empty_tally(const Plan& plan) {
  Tally out;
  out.labels.resize(plan.labels());
  return out;
}

std::vector<Tally> slice_tallies(const Plan& plan, std::span<const Tally> by_place) {
  std::vector<Tally> out(plan.slices(), empty_tally(plan));
  for (std::uint32_t place = 0; place < by_place.size(); ++place) {
    for (const std::uint32_t slice : plan.slices_of(place)) out[slice] += by_place[place];
  }
  return out;
}

std::vector<GroupValue> group_values(const Plan& plan, const Group& group, std::span<const Groups> places,
                                     std::span<const Tally> by_place) {
  std::vector<GroupValue> out;
  for (std::string& value : values_of(group, places)) {
    GroupValue entry;
    std::vector<Tally> slices(plan.slices(), empty_tally(plan));
    for (std::uint32_t place = 0; place < places.size(); ++place) {
      if (group_value(places[place], group.name) != value) continue;
      if (entry.parent.empty()) entry.parent = group_value(places[place], group.within);
      entry.rows += by_place[place].rows();
      for (const std::uint32_t slice : plan.slices_of(place)) slices[slice] += by_place[place];
    }
    entry.value = std::move(value);
    entry.figures = figures_of(plan, slices);
    out.push_back(std::move(entry));
  }
  return out;
}

/// Counters of a cluster: for each slice one a label, then the sum of values where some rate needs it.
ClusterCounts cluster_counts(const Plan& plan, std::span<const MarkedRow> rows) {
  const std::size_t step = plan.labels() + (plan.has_values() ? 1 : 0);
  ClusterCounts out(plan.slices() * step);
  std::size_t clusters = 0;
  for (const MarkedRow& row : rows) clusters = std::max<std::size_t>(clusters, row.cluster + std::size_t{1});
  out.grow(clusters);
  for (const MarkedRow& row : rows) {
    if (!row.mark.judged()) continue;
    const auto counts = out.of(row.cluster);
    for (const std::uint32_t slice : plan.slices_of(row.place)) {
      ++counts[slice * step + row.mark.label];
      if (plan.has_values()) counts[slice * step + plan.labels()] += row.mark.value;
    }
  }
  return out;
}

std::vector<std::optional<Interval>> intervals(const Plan& plan, std::span<const MarkedRow> rows,
                                               const BootstrapOptions& options) {
  const std::size_t labels = plan.labels();
  const std::size_t step = labels + (plan.has_values() ? 1 : 0);
  std::vector<Share> shares(plan.terms().size());
  const auto statistics = [&](std::span<const double> totals, std::span<double> out) {
    for (std::size_t i = 0; i < shares.size(); ++i) {
      const Plan::Term& term = plan.terms()[i];
      const double* counts = &totals[term.slice * step];
      Share found;
      for (std::size_t label = 0; label < labels; ++label) {
        found.judged += counts[label];
        if (plan.counts(term.rate, label)) found.counted += counts[label];
      }
      if (plan.by_value(term.rate)) found.counted = counts[labels];
      shares[i] = found;
    }
    plan.values(shares, out);
  };
  return cluster_bootstrap(cluster_counts(plan, rows), options, plan.count(), statistics);
}

/// How many clusters hold judged rows of each figure.
std::vector<std::uint64_t> clusters_of(const Plan& plan, std::span<const MarkedRow> rows) {
  const std::size_t rates = plan.figures().rates.size();
  std::vector<std::vector<std::size_t>> figures_of_term(plan.terms().size());
  for (std::size_t rate = 0; rate < rates; ++rate) figures_of_term[rate].push_back(rate);
  for (std::size_t mean = 0; rates + mean < plan.count(); ++mean) {
    for (const std::uint32_t term : plan.mean_terms(mean)) figures_of_term[term].push_back(rates + mean);
  }
  std::size_t clusters = 0;
  for (const MarkedRow& row : rows) clusters = std::max<std::size_t>(clusters, row.cluster + std::size_t{1});
  std::vector<std::vector<bool>> seen(plan.count(), std::vector<bool>(clusters));
  for (const MarkedRow& row : rows) {
    if (!row.mark.judged()) continue;
    for (const std::uint32_t term : plan.terms_of(row.place)) {
      for (const std::size_t figure : figures_of_term[term]) seen[figure][row.cluster] = true;
    }
  }
  std::vector<std::uint64_t> out;
  out.reserve(seen.size());
  for (const auto& marks : seen)
    out.push_back(static_cast<std::uint64_t>(std::count(marks.begin(), marks.end(), true)));
  return out;
}

/// Rows of one cluster alone say nothing of others; where all clusters agree, resampling has no width.
std::optional<Interval> interval_of(const std::optional<double>& value, std::uint64_t clusters,
                                    const std::optional<Interval>& resampled) {
  if (!value || clusters < 2) return std::nullopt;
  if (*value == 0 || *value == 1) return exact_interval(*value == 1, clusters);
  return resampled;
}

}  // namespace

std::uint64_t Tally::judged() const {
  return std::accumulate(labels.begin(), labels.end(), std::uint64_t{0});
}

void Tally::add(const MarkNumber& mark) {
  if (!mark.judged()) {
    ++unjudged;
    return;
  }
  ++labels[mark.label];
  unparsed += mark.unparsed ? 1 : 0;
  value += mark.value;
}

Tally& Tally::operator+=(const Tally& other) {
  labels.resize(std::max(labels.size(), other.labels.size()));
  for (std::size_t i = 0; i < other.labels.size(); ++i) labels[i] += other.labels[i];
  unjudged += other.unjudged;
  unparsed += other.unparsed;
  value += other.value;
  return *this;
}

const Figure* Score::find(std::string_view name) const {
  for (std::size_t i = 0; i < figures.size(); ++i) {
    if (figure_name(*definition, i).name == name) return &figures[i];
  }
  return nullptr;
}

FigureName figure_name(const Figures& figures, std::size_t number) {
  if (number < figures.rates.size()) {
    const Rate& rate = figures.rates[number];
    return {rate.name, rate.title, rate.higher_is_better, false, &rate.words};
  }
  const Mean& mean = figures.means[number - figures.rates.size()];
  return {mean.name, mean.title, mean.higher_is_better, true, &mean.words};
}

std::size_t figure_count(const Figures& figures) { return figures.rates.size() + figures.means.size(); }

std::size_t primary_figure(const Figures& figures) {
  for (std::size_t i = 0; i < figure_count(figures); ++i) {
    if (figure_name(figures, i).name == figures.primary) return i;
  }
  return 0;
}

std::vector<std::size_t> rates_of(const Figures& figures, std::size_t figure) {
  if (figure < figures.rates.size()) return {figure};
  const Mean& mean = figures.means[figure - figures.rates.size()];
  if (mean.rates.empty()) return {0};
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < figures.rates.size(); ++i) {
    if (std::find(mean.rates.begin(), mean.rates.end(), figures.rates[i].name) != mean.rates.end())
      out.push_back(i);
  }
  return out;
}

std::optional<std::uint64_t> counted(const Figures& figures, std::size_t figure, const Tally& tally) {
  const bool mean = figure >= figures.rates.size();
  if (mean && figures.means[figure - figures.rates.size()].kind == Mean::Kind::plain) return std::nullopt;
  const auto rates = rates_of(figures, figure);
  if (rates.empty()) return std::nullopt;
  const auto& labels = figures.rates[rates.front()].labels;
  const bool same = std::all_of(rates.begin(), rates.end(),
                                [&](std::size_t rate) { return figures.rates[rate].labels == labels; });
  if (labels.empty() || !same) return std::nullopt;
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < tally.labels.size(); ++i) {
    if (std::find(labels.begin(), labels.end(), figures.labels[i]) != labels.end()) out += tally.labels[i];
  }
  return out;
}

FigureList figures_of(const Figures& figures, std::span<const Groups> places,
                      std::span<const Tally> tallies) {
  const Plan plan(figures, places);
  return figures_of(plan, slice_tallies(plan, tallies));
}

Score score(const Figures& figures, const MarkedRows& rows, const BootstrapOptions& options) {
  const std::span<const Groups> places = rows.places.all();
  const Plan plan(figures, places);
  std::vector<Tally> by_place(places.size(), empty_tally(plan));
  for (const MarkedRow& row : rows.rows) by_place[row.place].add(row.mark);

  Score out;
  out.definition = &figures;
  out.all = empty_tally(plan);
  for (const Tally& tally : by_place) out.all += tally;
  out.figures = figures_of(plan, slice_tallies(plan, by_place));
  for (const Group& group : figures.groups) out.groups.push_back(group_values(plan, group, places, by_place));
  out.intervals = options.resamples > 0;
  if (!out.intervals) return out;
  const auto resampled = intervals(plan, rows.rows, options);
  const auto clusters = clusters_of(plan, rows.rows);
  for (std::size_t i = 0; i < resampled.size(); ++i)
    out.figures[i].interval = interval_of(out.figures[i].value, clusters[i], resampled[i]);
  return out;
}

}  // namespace holisafe::metrics
