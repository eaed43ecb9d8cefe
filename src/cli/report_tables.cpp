#include "cli/report_tables.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/text_table.h"

namespace holisafe::cli {
namespace {

using Line = TableLine;

/// "10.1-14.9%" of a page as terminals show it.
std::string plain(std::string text) {
  constexpr std::string_view dash = "\xe2\x80\x93";
  for (auto at = text.find(dash); at != std::string::npos; at = text.find(dash))
    text.replace(at, dash.size(), "-");
  std::erase(text, '%');
  return text;
}

/// A page's table; the notes of its cells on a line of their own.
void add_lines(const report::Table& table, std::string head, std::vector<Line>& lines) {
  Line titles;
  for (const auto& column : table.columns) titles.push_back(column.title);
  titles[0] = std::move(head);
  lines.push_back(std::move(titles));
  for (const auto& row : table.rows) {
    Line line;
    Line notes;
    for (const auto& cell : row.cells) {
      line.push_back(line.empty() ? cell.text : plain(cell.text));
      notes.push_back(plain(cell.note));
    }
    const bool noted =
        std::any_of(notes.begin(), notes.end(), [](const auto& note) { return !note.empty(); });
    notes[0] = "  95%";
    lines.push_back(std::move(line));
    if (noted) lines.push_back(std::move(notes));
  }
}

/// Of one run, the first of what its rules read differently.
std::string rule_examples(const report::RulesRead& run) {
  constexpr std::size_t shown = 5;
  std::string out;
  for (std::size_t i = 0; i < std::min(shown, run.examples.size()); ++i) {
    const report::RuleExample& row = run.examples[i];
    out += fmt::format("  id {}:", one_line(row.id));
    for (std::size_t rule = 0; rule < row.marks.size(); ++rule)
      out += fmt::format("{} {} {}", rule == 0 ? "" : ",", run.rules[rule].name, row.marks[rule]);
    out += "\n";
  }
  if (run.differing > shown) out += "  … (--html shows more, with the answers)\n";
  return out;
}

}  // namespace

std::string safety_utility_text(const report::SafetyUtility& table) {
  std::vector<Line> lines;
  add_lines(report::safety_utility_table(table, table.models), "safety and utility", lines);
  std::string out = fmt::format("Percent. {}\n\n{}", report::columns_text(table), text_table(lines));
  if (!table.published.empty()) {
    std::vector<Line> published;
    add_lines(report::safety_utility_table(table, table.published), "published", published);
    out += fmt::format("\n{}\n\n{}", report::published_sets, text_table(published));
  }
  for (const std::string& note : table.notes)
    out += fmt::format("{}{}\n", &note == &table.notes.front() ? "\n" : "", note);
  return out;
}

std::string rules_text(std::span<const runs::JudgedRun> runs) {
  std::string out;
  for (const auto& run : runs) {
    if (!run.rules) continue;
    const report::RulesRead& found = *run.rules;
    std::vector<Line> lines = {
        {fmt::format("{}: {}", run.benchmark->title, run.title), found.figure, "unparsed", "otherwise"}};
    for (const auto& rule : found.rules) {
      const bool first = &rule == &found.rules.front();
      lines.push_back({"  " + rule.name, plain(report::percent(rule.value)), fmt::format("{}", rule.unparsed),
                       first ? "-" : fmt::format("{}", rule.otherwise)});
    }
    out += fmt::format("\n{}{}\n{}", text_table(lines), report::differing_text(found), rule_examples(found));
  }
  return out;
}

std::string guard_table(std::span<const runs::JudgedRun> runs) {
  std::vector<Line> lines = {
      {"guard", "images", "20-class accuracy", "safe/unsafe", "precision", "recall", "F1", "AUROC", "ECE"}};
  const auto figure = [](std::optional<double> value) {
    return value ? fmt::format("{:.1f}", *value * 100) : std::string("-");
  };
  for (const auto& run : runs) {
    if (!run.guard) continue;
    const auto& found = run.guard->metrics;
    lines.push_back({run.name, fmt::format("{}", found.rows), figure(found.accuracy),
                     figure(found.binary.accuracy), figure(found.binary.precision),
                     figure(found.binary.recall), figure(found.binary.f1), figure(found.binary.auroc),
                     figure(found.ece)});
  }
  return lines.size() > 1 ? "\n" + text_table(lines) : std::string();
}

std::string right_answers_table(std::span<const runs::JudgedRun> runs) {
  std::vector<Line> lines = {{"right answers on safe pairs", "rows", "right", "share"}};
  for (const auto& run : runs) {
    if (!run.right_answers) continue;
    const auto& found = *run.right_answers;
    lines.push_back({run.name, fmt::format("{}", found.rows), fmt::format("{}", found.right),
                     fmt::format("{:.1f}", *found.rate() * 100)});
  }
  return lines.size() > 1 ? "\n" + text_table(lines) : std::string();
}

std::string agreement_table(std::span<const runs::JudgedRun> runs) {
  std::vector<Line> lines = {{"judges agree", "rows", "raw", "kappa"}};
  for (const auto& run : runs) {
    for (const auto& pair : run.pairs) {
      if (pair.all.judged() == 0) continue;
      const auto raw = pair.all.raw();
      const auto kappa = pair.all.kappa();
      lines.push_back({fmt::format("{}: {} and {}", run.name, pair.first, pair.second),
                       fmt::format("{}", pair.all.judged()), raw ? fmt::format("{:.1f}", *raw * 100) : "-",
                       kappa ? fmt::format("{:.2f}", *kappa) : "-"});
    }
  }
  return lines.size() > 1 ? "\n" + text_table(lines) : std::string();
}

}  // namespace holisafe::cli
