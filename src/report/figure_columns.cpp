#include "report/figure_columns.h"

namespace holisafe::report {

std::vector<Column> rate_columns(std::string first, const metrics::Figures& figures) {
  std::vector<Column> out = {{std::move(first)}};
  for (const metrics::Rate& rate : figures.rates) out.push_back({rate.title, true, rate.words.note});
  return out;
}

std::vector<Column> mean_columns(const metrics::Figures& figures, bool notes) {
  std::vector<Column> out;
  for (const metrics::Mean& mean : figures.means)
    out.push_back({mean.title, true, notes ? mean.words.note : ""});
  return out;
}

std::optional<std::size_t> primary_mean(const metrics::Figures& figures) {
  const std::size_t primary = metrics::primary_figure(figures);
  return primary < figures.rates.size() ? std::nullopt : std::optional(primary);
}

std::string or_else(const std::string& word, std::string_view otherwise) {
  return word.empty() ? std::string(otherwise) : word;
}

std::string brief_title(const metrics::FigureName& figure) {
  return or_else(figure.words->brief, figure.title);
}

std::string label_title(const metrics::Figures& figures, const metrics::MarkNumber& mark) {
  if (!mark.judged()) return "unjudged";
  if (mark.label < figures.label_titles.size()) return figures.label_titles[mark.label];
  return mark.label < figures.labels.size() ? figures.labels[mark.label] : "marked";
}

}  // namespace holisafe::report
