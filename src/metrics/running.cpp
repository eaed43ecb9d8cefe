#include "metrics/running.h"

#include <fmt/format.h>

namespace holisafe::metrics {

RunningFigures::RunningFigures(const Figures& figures) : figures_(&figures) {}

void RunningFigures::add(const Groups& groups, const MarkNumber& mark) {
  if (!mark.judged()) return;
  const std::uint32_t place = places_.number(groups);
  if (place >= tallies_.size()) {
    tallies_.emplace_back();
    tallies_.back().labels.resize(std::max<std::size_t>(1, figures_->labels.size()));
  }
  tallies_[place].add(mark);
}

std::string RunningFigures::note() const {
  const FigureList found = figures_of(*figures_, places_.all(), tallies_);
  std::string out;
  const auto add = [&](std::string_view word, const Figure& figure) {
    if (!out.empty()) out += ", ";
    out += fmt::format("{} {}", word, figure.value ? fmt::format("{:.1f}%", *figure.value * 100) : "-");
  };
  for (const bool means : {true, false}) {
    for (std::size_t i = 0; i < found.size(); ++i) {
      const FigureName name = figure_name(*figures_, i);
      if (name.is_mean == means && !name.words->live.empty()) add(name.words->live, found[i]);
    }
  }
  if (out.empty()) {
    const std::size_t primary = primary_figure(*figures_);
    add(figure_name(*figures_, primary).title, found[primary]);
  }
  return out;
}

}  // namespace holisafe::metrics
