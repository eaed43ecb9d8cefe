#include "report/rules_section.h"

#include <fmt/format.h>

namespace holisafe::report {
namespace {

Table table_of(std::span<const RulesRead> runs) {
  Table table;
  table.caption =
      "What each rule makes of the same answers. Unparsed: answers that it could not read, which it counts "
      "as wrong. "
      "Otherwise: answers that it marks otherwise than the first rule.";
  table.columns = {{"Model"}, {"Rule"}, {runs.front().figure, true}, {"Unparsed", true}, {"Otherwise", true}};
  for (const RulesRead& run : runs) {
    for (const RulesRead::Rule& rule : run.rules) {
      const bool first = &rule == &run.rules.front();
      table.rows.push_back(
          {{{run.run},
            {rule.name},
            {percent(rule.value), percent_range(rule.interval)},
            {fmt::format("{}", rule.unparsed)},
            {first ? percent(std::nullopt) : fmt::format("{} of {}", rule.otherwise, run.answers)}}});
    }
  }
  return table;
}

Examples examples_of(const RulesRead& run) {
  Examples out;
  for (const RuleExample& row : run.examples) {
    std::string heading;
    for (std::size_t i = 0; i < row.marks.size(); ++i)
      heading += fmt::format("{}{}: {}", i == 0 ? "" : "; ", run.rules[i].name, row.marks[i]);
    const std::string note =
        row.image.empty() ? fmt::format("id {}", row.id) : fmt::format("id {}, image {}", row.id, row.image);
    out.examples.push_back({std::move(heading), note, {{"Query", row.query}, {"Answer", row.answer}}});
  }
  return out;
}

}  // namespace

std::string differing_text(const RulesRead& run) {
  return fmt::format("{} rules mark {} of {} answers differently.", run.rules.size(), run.differing,
                     run.answers);
}

Section rules_section(std::span<const RulesRead> runs) {
  Section section{"rules", "Rules side by side", {}};
  section.blocks.push_back({table_of(runs)});
  for (const RulesRead& run : runs) {
    section.blocks.push_back({Paragraph{fmt::format("{}: {}", run.run, differing_text(run))}});
    if (!run.examples.empty()) {
      section.blocks.push_back(
          {Fold{fmt::format("{}: answers that the rules read differently", run.run), {{examples_of(run)}}}});
    }
  }
  return section;
}

}  // namespace holisafe::report
