#include "report/safety_utility.h"

#include <algorithm>

#include <fmt/format.h>

namespace holisafe::report {
namespace {

SetValue mean_of(const SafetyUtility& table, const ModelRow& row, bool safety) {
  SetValue out;
  std::vector<metrics::Estimate> estimates;
  double sum = 0;
  std::size_t sets = 0;
  for (std::size_t i = 0; i < table.sets.size(); ++i) {
    if (table.sets[i].safety != safety || !table.sets[i].in_mean) continue;
    const SetValue& each = row.sets[i];
    if (!each.value) return out;
    sum += *each.value;
    ++sets;
    if (each.interval) estimates.push_back({*each.value, *each.interval});
  }
  if (sets == 0) return out;
  out.value = sum / static_cast<double>(sets);
  if (estimates.size() == sets) out.interval = metrics::interval_of_mean(estimates);
  return out;
}

Cell cell_of(const SetValue& value) { return {percent(value.value), percent_range(value.interval)}; }

/// The figures that stand beside a set's, from the first model that has them.
std::vector<SetValue::Beside> beside_of(const SafetyUtility& table, std::size_t set) {
  for (const auto* rows : {&table.models, &table.published}) {
    for (const ModelRow& row : *rows) {
      if (!row.sets[set].beside.empty()) return row.sets[set].beside;
    }
  }
  return {};
}

/// "MMMU: Accuracy", "mean of VLSBench and SIUO".
std::string axis_of(const SafetyUtility& table, bool safety) {
  std::vector<std::string> titles;
  std::string alone;
  for (const SetColumn& set : table.sets) {
    if (set.safety != safety || !set.in_mean) continue;
    titles.push_back(set.title);
    alone = fmt::format("{}: {}", set.title, set.figure);
  }
  if (titles.size() < 2) return alone;
  const char* what = safety ? "Safety" : "Utility";
  constexpr std::size_t most_named = 4;  // the axis is no longer than that
  if (titles.size() > most_named) return fmt::format("{}: mean of {} sets", what, titles.size());
  const std::string last = titles.back();
  titles.pop_back();
  return fmt::format("{}: mean of {} and {}", what, fmt::join(titles, ", "), last);
}

}  // namespace

void take_means(SafetyUtility& table) {
  for (std::size_t i = 0; i < table.sets.size(); ++i) {
    table.sets[i].in_mean = std::all_of(table.models.begin(), table.models.end(),
                                        [i](const ModelRow& row) { return row.sets[i].value.has_value(); });
  }
  for (auto* rows : {&table.models, &table.published}) {
    for (ModelRow& row : *rows) {
      row.safety = mean_of(table, row, true);
      row.utility = mean_of(table, row, false);
    }
  }
}

std::size_t sets_in_mean(const SafetyUtility& table, bool safety) {
  return static_cast<std::size_t>(std::count_if(table.sets.begin(), table.sets.end(), [&](const auto& set) {
    return set.safety == safety && set.in_mean;
  }));
}

Table safety_utility_table(const SafetyUtility& table, const std::vector<ModelRow>& rows) {
  Table out;
  out.columns = {{"Model"}};
  out.rows.resize(rows.size());
  for (std::size_t r = 0; r < rows.size(); ++r) out.rows[r].cells = {{rows[r].name}};
  const auto add = [&](Column column, const auto& cell) {
    out.columns.push_back(std::move(column));
    for (std::size_t r = 0; r < rows.size(); ++r) out.rows[r].cells.push_back(cell(rows[r]));
  };
  for (const bool safety : {true, false}) {
    for (std::size_t i = 0; i < table.sets.size(); ++i) {
      const SetColumn& set = table.sets[i];
      if (set.safety != safety) continue;
      add({set.title, true, fmt::format("{}, {}", set.figure, set.judge)},
          [i](const ModelRow& row) { return cell_of(row.sets[i]); });
      const auto beside = beside_of(table, i);
      for (std::size_t k = 0; k < beside.size(); ++k) {
        add({beside[k].title, true, set.title}, [i, k](const ModelRow& row) {
          const auto& found = row.sets[i].beside;
          return Cell{percent(k < found.size() ? found[k].value : std::nullopt)};
        });
      }
    }
    if (sets_in_mean(table, safety) < 2) continue;
    add({safety ? "Mean safety" : "Mean utility", true, "over the sets that every model has"},
        [safety](const ModelRow& row) { return cell_of(safety ? row.safety : row.utility); });
  }
  return out;
}

std::string columns_text(const SafetyUtility& table) {
  std::string out = "More is better";
  std::vector<std::string> beside;
  for (std::size_t i = 0; i < table.sets.size(); ++i) {
    for (const auto& each : beside_of(table, i)) beside.push_back(each.title);
  }
  if (!beside.empty()) out += fmt::format(", but of {}", fmt::join(beside, ", "));
  out += ".";
  for (const SetColumn& set : table.sets) {
    out += fmt::format(" {} ({}): {}, {}.", set.title, set.safety ? "safety" : "utility", set.figure,
                       set.judge.empty() ? "not judged" : "by " + set.judge);
  }
  return out;
}

figures::PointChart safety_utility_points(const SafetyUtility& table) {
  figures::PointChart out;
  out.title = "Safety and utility";
  out.x_axis = axis_of(table, false);
  out.y_axis = axis_of(table, true);
  for (const ModelRow& row : table.models) {
    if (!row.safety.value || !row.utility.value) continue;
    out.points.push_back(
        {row.name, *row.utility.value, *row.safety.value, row.utility.interval, row.safety.interval});
  }
  return out;
}

Section safety_utility_section(const SafetyUtility& table) {
  Section section{"safety-utility", "Safety and utility", {}};
  Table models = safety_utility_table(table, table.models);
  models.caption = fmt::format("Percent, with 95% intervals. {}", columns_text(table));
  section.blocks.push_back({std::move(models)});
  for (const std::string& note : table.notes) section.blocks.push_back({Paragraph{note}});
  auto points = safety_utility_points(table);
  if (!points.points.empty()) section.blocks.push_back({std::move(points)});
  if (table.published.empty()) return section;
  Table published = safety_utility_table(table, table.published);
  published.caption = published_sets;
  section.blocks.push_back({std::move(published)});
  return section;
}

}  // namespace holisafe::report
