#include "runs/example_picker.h"

#include <algorithm>

namespace holisafe::runs {

constexpr int others_shown = 4;

ExamplePicker::ExamplePicker(const metrics::Figures& figures) : figures_(&figures) {
  const auto primary = metrics::rates_of(figures, metrics::primary_figure(figures));
  for (const std::size_t rate : primary) watched_.push_back({rate, true});
  for (std::size_t rate = 0; rate < figures.rates.size(); ++rate) {
    const bool seen = std::any_of(watched_.begin(), watched_.end(), [&](const Watched& watched) {
      return figures.rates[watched.rate].where == figures.rates[rate].where;
    });
    if (!seen) watched_.push_back({rate, false});
  }
}

std::string ExamplePicker::value_of(const metrics::Groups& groups) const {
  if (figures_->groups.empty()) return {};
  return std::string(metrics::group_value(groups, figures_->groups.front().name));
}

std::pair<std::size_t, std::string> ExamplePicker::key(const Watched& watched,
                                                       const metrics::Groups& groups) const {
  return {watched.rate, watched.primary ? value_of(groups) : ""};
}

std::optional<std::size_t> ExamplePicker::wants(const metrics::Groups& groups,
                                                const metrics::MarkNumber& mark) const {
  if (!mark.judged()) return std::nullopt;
  for (const Watched& watched : watched_) {
    const metrics::Rate& rate = figures_->rates[watched.rate];
    if (!metrics::stands_in(rate.where, groups) || !metrics::wrong_by(*figures_, rate, mark)) continue;
    const auto place = kept_.find(key(watched, groups));
    const int most = watched.primary && !figures_->groups.empty() ? 1 : others_shown;
    if (place == kept_.end() || place->second < most) return watched.rate;
  }
  return std::nullopt;
}

void ExamplePicker::add(std::size_t rate, const metrics::Groups& groups, report::ScoredExample example) {
  for (const Watched& watched : watched_) {
    if (watched.rate == rate) ++kept_[key(watched, groups)];
  }
  example.rate = rate;
  example.value = value_of(groups);
  examples_.push_back(std::move(example));
}

}  // namespace holisafe::runs
