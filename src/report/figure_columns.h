// A benchmark's figures as columns of tables.
#pragma once

#include <string>
#include <vector>

#include "metrics/score.h"
#include "report/report.h"

namespace holisafe::report {

/// A column for the names of rows, then one for each rate.
std::vector<Column> rate_columns(std::string first, const metrics::Figures& figures);

/// A column for each mean; with what it is, on request.
std::vector<Column> mean_columns(const metrics::Figures& figures, bool notes);

/// The primary figure where it is a mean: rates have columns of their own.
std::optional<std::size_t> primary_mean(const metrics::Figures& figures);

/// `word`, or `otherwise` where it is empty.
std::string or_else(const std::string& word, std::string_view otherwise);

/// The figure's title in tables of one group's values.
std::string brief_title(const metrics::FigureName& figure);

/// A label as pages call it.
std::string label_title(const metrics::Figures& figures, const metrics::MarkNumber& mark);

/// All that an LLM judge says of a wrong answer, where its words are not the figures' labels.
inline constexpr std::string_view not_expected = "not as expected";

}  // namespace holisafe::report
