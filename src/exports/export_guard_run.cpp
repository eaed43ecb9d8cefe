#include "exports/export_guard_run.h"

#include <nlohmann/json.hpp>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json_line.h"
#include "taxonomy/taxonomy.h"
#include "verdicts/verdict_json.h"
#include "verdicts/verdict_line.h"

namespace holisafe::exports {
namespace {

namespace fs = std::filesystem;
using report::VerdictCounts;
using verdicts::GuardStore;

double share_of(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string bin_name(std::size_t bin) {
  const auto end = [](std::size_t at) {
    return shortest(static_cast<double>(at) / static_cast<double>(report::unsafe_bins));
  };
  return fmt::format("{}-{}", end(bin), end(bin + 1));
}

std::string count_lines(const std::string& run, const VerdictCounts& counts, CsvFor reader) {
  const std::vector<Cell> head = {"run", "group_kind", "group", "count", "share"};
  std::string out = csv_line(head, reader);
  const auto add = [&](const char* kind, std::string_view group, std::uint64_t count, bool of_judged) {
    const std::vector<Cell> cells = {
        run, kind, std::string(group), count,
        of_judged && counts.judged > 0 ? Cell(share_of(count, counts.judged)) : Cell()};
    out += csv_line(cells, reader);
  };
  add("all", "judged", counts.judged, true);
  add("all", "flagged", counts.flagged, true);
  add("all", "errors", counts.errors(), false);
  add("all", "duplicates", counts.duplicates, false);
  add("all", "gone", counts.gone, false);
  for (std::size_t i = 0; i < counts.classes.size(); ++i)
    add("class", taxonomy::classes()[i].name, counts.classes[i], true);
  for (const std::string_view category : taxonomy::categories()) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < counts.classes.size(); ++i)
      sum += taxonomy::classes()[i].category == category ? counts.classes[i] : 0;
    add("category", category, sum, true);
  }
  for (std::size_t i = 0; i < report::unsafe_bins; ++i) add("unsafe", bin_name(i), counts.unsafe[i], true);
  for (const auto& fault : counts.faults) add("error", fault.kind, fault.files, false);
  return out;
}

std::vector<Cell> verdict_head() {
  std::vector<Cell> head = {"path",       "flagged", "label", "subcategory",      "category",
                            "score",      "unsafe",  "harm",  "harm_subcategory", "harm_category",
                            "harm_score", "sha256",  "width", "height",           "gone",
                            "error_kind", "error"};
  for (const auto& each : taxonomy::classes()) head.emplace_back(fmt::format("score_{}", each.name));
  return head;
}

std::string word(bool yes) { return yes ? "true" : "false"; }

void add_verdict(std::vector<Cell>& cells, const taxonomy::Verdict& verdict, bool flagged) {
  const auto& found = taxonomy::classes()[verdict.label];
  for (Cell cell : {Cell(word(flagged)), Cell(std::uint64_t{verdict.label}), Cell(std::string(found.name)),
                    Cell(std::string(found.category)), Cell(verdict.score()), Cell(verdict.unsafe())})
    cells.push_back(std::move(cell));
  if (!flagged) {
    cells.resize(cells.size() + 4);
    return;
  }
  const std::size_t harm = verdicts::most_probable_harm(verdict);
  cells.emplace_back(std::uint64_t{harm});
  cells.emplace_back(std::string(taxonomy::classes()[harm].name));
  cells.emplace_back(std::string(taxonomy::classes()[harm].category));
  cells.emplace_back(verdict.scores[harm]);
}

std::string verdict_line(const verdicts::Line& line, const verdicts::Flagging& flagging, CsvFor reader) {
  constexpr std::size_t of_a_verdict = 10;
  std::vector<Cell> cells = {verdicts::readable(line.path)};
  if (line.verdict) {
    add_verdict(cells, *line.verdict, flagging.flags(*line.verdict));
  } else {
    cells.resize(1 + of_a_verdict);
  }
  cells.push_back(line.sha256 ? Cell(hex(*line.sha256)) : Cell());
  for (const int side : {line.width, line.height})
    cells.push_back(side > 0 ? Cell(static_cast<std::uint64_t>(side)) : Cell());
  cells.emplace_back(word(line.gone));
  if (line.verdict) {
    cells.resize(cells.size() + 2);
    for (const double score : line.verdict->scores) cells.emplace_back(score);
  } else {
    cells.emplace_back(std::string(name(line.verdict.error().kind)));
    cells.emplace_back(line.verdict.error().message());
    cells.resize(cells.size() + taxonomy::class_count);
  }
  return csv_line(cells, reader);
}

using ToLine = std::function<std::string(const verdicts::Line& line)>;

Result<void> write_lines(const GuardStore& store, const fs::path& file, const std::string& head,
                         const ToLine& to_line) {
  return write_file_atomic(file, [&](const WritePiece& write) -> Result<void> {
    HOLISAFE_CHECK(write(head));
    HOLISAFE_TRY(auto lines, store.lines());
    verdicts::Line line;
    while (true) {
      HOLISAFE_TRY(const bool found, lines.next(line));
      if (!found) return {};
      HOLISAFE_CHECK(write(to_line(line)));
    }
  });
}

PrintTable count_table(const std::string& run, const VerdictCounts& counts) {
  PrintTable out;
  out.caption = fmt::format(
      "{}: {} pictures judged, {} flagged, {} errors. A flagged picture counts as its most probable harm, "
      "any "
      "other as safe.",
      run, counts.judged, counts.flagged, counts.errors());
  out.columns = {{"Class"}, {"Category"}, {"Pictures", true}, {"Percent", true}};
  PrintPart part;
  for (std::size_t i = 0; i < counts.classes.size(); ++i) {
    if (counts.classes[i] == 0) continue;
    part.rows.push_back({{std::string(taxonomy::classes()[i].name)},
                         {std::string(taxonomy::classes()[i].category)},
                         {fmt::format("{}", counts.classes[i])},
                         {fmt::format("{:.1f}", 100 * share_of(counts.classes[i], counts.judged))}});
  }
  out.parts = {std::move(part)};
  return out;
}

NamedChart class_chart(const VerdictCounts& counts) {
  figures::BarChart chart;
  chart.title = "Flagged pictures by their most probable harm";
  chart.axis = "share of the pictures judged";
  chart.horizontal = true;
  figures::Series series{"flagged", {}};
  for (std::size_t i = 1; i < counts.classes.size(); ++i) {
    if (counts.classes[i] == 0) continue;
    chart.labels.emplace_back(taxonomy::classes()[i].name);
    series.values.emplace_back(share_of(counts.classes[i], counts.judged));
  }
  chart.series = {std::move(series)};
  return {"guard-classes", std::move(chart)};
}

NamedChart unsafe_chart(const VerdictCounts& counts) {
  figures::BarChart chart;
  chart.title = "Pictures by the probability of not being safe";
  chart.axis = "share of the pictures judged";
  chart.horizontal = true;
  figures::Series series{"pictures", {}};
  for (std::size_t i = 0; i < report::unsafe_bins; ++i) {
    chart.labels.push_back(bin_name(i));
    series.values.emplace_back(share_of(counts.unsafe[i], counts.judged));
  }
  chart.series = {std::move(series)};
  return {"guard-unsafe", std::move(chart)};
}

Result<FigureSet> figures_of(const GuardStore& store, const VerdictCounts& counts,
                             const GuardExportSettings& settings) {
  FigureSet out;
  if (counts.flagged > 0) {
    out.charts.push_back(class_chart(counts));
  } else {
    out.left_out.push_back({"guard-classes", "nothing was flagged"});
  }
  if (counts.judged > 0) {
    out.charts.push_back(unsafe_chart(counts));
  } else {
    out.left_out.push_back({"guard-unsafe", "no picture was judged"});
  }
  std::vector<report::GuardRun> measured;
  if (!settings.labels.labels.empty()) {
    HOLISAFE_TRY(auto run, moderation::measure_run(store, settings.labels));
    measured.push_back(std::move(run));
  }
  add_guard_figures(measured, "", out);
  return out;
}

Result<std::vector<LeftOut>> write_all(const fs::path& folder, const GuardStore& store,
                                       const GuardExportSettings& settings,
                                       std::span<const Format* const> formats) {
  HOLISAFE_TRY(const auto flagging, store.flagging());
  HOLISAFE_TRY(const VerdictCounts counts, moderation::count_run(store));
  const std::string run = moderation::run_name(store);
  if (has(formats, "csv")) {
    const auto csv = [&](const verdicts::Line& line) {
      return verdict_line(line, flagging, settings.reader);
    };
    HOLISAFE_CHECK(write_file_atomic(folder / "counts.csv", count_lines(run, counts, settings.reader)));
    HOLISAFE_CHECK(
        write_lines(store, folder / "verdicts.csv", csv_line(verdict_head(), settings.reader), csv));
  }
  if (has(formats, "jsonl")) {
    const auto json = [&](const verdicts::Line& line) {
      return json_line(verdicts::to_json(line, flagging));
    };
    HOLISAFE_CHECK(write_lines(store, folder / "verdicts.jsonl", "", json));
  }
  const PrintTable table = count_table(run, counts);
  const Remarks remarks = {fmt::format("Made by holisafe {}.", settings.version), settings.command};
  HOLISAFE_CHECK(write_tables(folder, "counts", {&table, 1}, remarks, formats));
  HOLISAFE_TRY(FigureSet charts, figures_of(store, counts, settings));
  HOLISAFE_CHECK(write_figures(folder, charts.charts, settings.width, formats));
  return std::move(charts.left_out);
}

}  // namespace

Result<std::vector<LeftOut>> export_guard_run(const GuardExportSettings& settings) {
  HOLISAFE_TRY(const auto formats, formats_named(settings.formats));
  HOLISAFE_TRY(const GuardStore store, GuardStore::open(settings.run, store::Access::read));
  std::vector<LeftOut> left_out;
  HOLISAFE_CHECK(write_new_folder(settings.out, [&](const fs::path& folder) -> Result<void> {
    HOLISAFE_TRY(left_out, write_all(folder, store, settings, formats));
    return {};
  }));
  return left_out;
}

}  // namespace holisafe::exports
