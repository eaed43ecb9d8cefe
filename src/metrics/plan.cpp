#include "metrics/plan.h"

#include <algorithm>

namespace holisafe::metrics {

std::vector<std::string> values_of(const Group& group, std::span<const Groups> places) {
  std::vector<std::string> found;
  for (const Groups& groups : places) {
    const std::string_view value = group_value(groups, group.name);
    if (!value.empty() && std::find(found.begin(), found.end(), value) == found.end())
      found.emplace_back(value);
  }
  std::vector<std::string> out;
  for (const std::string& value : group.values) {
    if (std::erase(found, value) > 0) out.push_back(value);
  }
  out.insert(out.end(), found.begin(), found.end());
  return out;
}

std::uint32_t Plan::slice(const std::vector<Where>& where) {
  const auto place = std::find(slices_.begin(), slices_.end(), where);
  if (place != slices_.end()) return static_cast<std::uint32_t>(place - slices_.begin());
  slices_.push_back(where);
  return static_cast<std::uint32_t>(slices_.size() - 1);
}

Plan::Plan(const Figures& figures, std::span<const Groups> places)
    : figures_(&figures), labels_(std::max<std::size_t>(1, figures.labels.size())) {
  for (const Rate& rate : figures.rates) {
    terms_.push_back({slice(rate.where), static_cast<std::uint32_t>(terms_.size())});
    has_values_ = has_values_ || rate.labels.empty();
    for (std::size_t label = 0; label < labels_; ++label) {
      counts_.push_back(label < figures.labels.size() &&
                        std::find(rate.labels.begin(), rate.labels.end(), figures.labels[label]) !=
                            rate.labels.end());
    }
  }
  for (const Mean& mean : figures.means) {
    std::vector<std::uint32_t> terms;
    for (const std::string& name : mean.rates) {
      const auto place = std::find_if(figures.rates.begin(), figures.rates.end(),
                                      [&](const Rate& rate) { return rate.name == name; });
      if (place != figures.rates.end())
        terms.push_back(static_cast<std::uint32_t>(place - figures.rates.begin()));
    }
    if (mean.rates.empty() && !figures.rates.empty()) {
      for (const std::string& value : values_of({mean.each}, places)) {
        std::vector<Where> where = figures.rates.front().where;
        where.push_back({mean.each, value});
        terms.push_back(static_cast<std::uint32_t>(terms_.size()));
        terms_.push_back({slice(where), 0});
      }
    }
    mean_terms_.push_back(std::move(terms));
  }
  for (const Groups& groups : places) {
    place_slices_.emplace_back();
    place_terms_.emplace_back();
    for (std::uint32_t i = 0; i < slices_.size(); ++i) {
      if (stands_in(slices_[i], groups)) place_slices_.back().push_back(i);
    }
    for (std::uint32_t i = 0; i < terms_.size(); ++i) {
      if (stands_in(slices_[terms_[i].slice], groups)) place_terms_.back().push_back(i);
    }
  }
}

void Plan::values(std::span<const Share> terms, std::span<double> out) const {
  const std::size_t rates = figures_->rates.size();
  for (std::size_t i = 0; i < rates; ++i) out[i] = terms[i].value();
  for (std::size_t mean = 0; mean < mean_terms_.size(); ++mean) {
    double sum = 0;
    Share pooled;
    double defined_terms = 0;
    for (const std::uint32_t term : mean_terms_[mean]) {
      if (terms[term].judged <= 0) continue;
      sum += terms[term].value();
      pooled.counted += terms[term].counted;
      pooled.judged += terms[term].judged;
      ++defined_terms;
    }
    out[rates + mean] =
        figures_->means[mean].kind == Mean::Kind::pooled ? pooled.value() : Share{sum, defined_terms}.value();
  }
}

}  // namespace holisafe::metrics
