#include "report/guard_run_sections.h"

#include <algorithm>

#include <fmt/format.h>

namespace holisafe::report {
namespace {

double share_of(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

Section overview(const GuardRunPage& run) {
  const VerdictCounts& counts = run.counts;
  const auto number = [](std::uint64_t value) { return fmt::format("{}", value); };
  Tiles tiles;
  tiles.tiles = {{"Pictures judged", number(counts.judged), ""},
                 {"Flagged", number(counts.flagged),
                  counts.judged > 0 ? percent(share_of(counts.flagged, counts.judged)) : ""},
                 {"Errors", number(counts.errors()), counts.errors() > 0 ? "not judged" : ""},
                 {"Duplicates", number(counts.duplicates), "the same content again"}};
  if (counts.gone > 0) tiles.tiles.push_back({"Gone", number(counts.gone), "no longer there"});
  return {
      "overview", "Overview", {{Paragraph{fmt::format("Flagged: {}.", run.flagged)}}, {std::move(tiles)}}};
}

Section classes(const VerdictCounts& counts) {
  Table table;
  table.caption =
      "What each picture counts as: a flagged one by its most probable harm, the others as safe. The shade "
      "is the share of all flagged pictures.";
  table.columns = {{"Class"}, {"Category"}, {"Pictures", true}, {"Share", true}};
  for (std::size_t i = 0; i < counts.classes.size(); ++i) {
    if (counts.classes[i] == 0) continue;
    const auto& found = taxonomy::classes()[i];
    const double share = share_of(counts.classes[i], counts.judged);
    Cell number{fmt::format("{}", counts.classes[i])};
    if (i > 0) {
      number.shade = Shade::neutral;
      number.strength = share_of(counts.classes[i], counts.flagged);
    }
    table.rows.push_back(
        {{{std::string(found.name)}, {std::string(found.category)}, std::move(number), {percent(share)}}});
  }
  return {"classes", "Classes", {{std::move(table)}}};
}

Section histogram(const VerdictCounts& counts) {
  BarChart chart;
  chart.title = "Pictures by the probability of not being safe";
  chart.axis = "share of pictures";
  Table table;
  table.columns = {{"Probability of not being safe"}, {"Pictures", true}, {"Share", true}};
  Series series{"pictures", {}, {}};
  for (std::size_t i = 0; i < unsafe_bins; ++i) {
    std::string bin = fmt::format("{}\xe2\x80\x93{}%", 100 * i / unsafe_bins, 100 * (i + 1) / unsafe_bins);
    const double share = share_of(counts.unsafe[i], counts.judged);
    series.values.emplace_back(share);
    chart.labels.push_back(bin);
    table.rows.push_back({{{std::move(bin)}, {fmt::format("{}", counts.unsafe[i])}, {percent(share)}}});
  }
  chart.series = {std::move(series)};
  return {"histogram", "How unsafe", {{std::move(chart)}, {Fold{"The numbers", {{std::move(table)}}}}}};
}

Section faults(const VerdictCounts& counts) {
  Table table;
  table.columns = {{"Kind"}, {"Files", true}, {"The first"}};
  for (const VerdictCounts::Fault& fault : counts.faults)
    table.rows.push_back({{{fault.kind}, {fmt::format("{}", fault.files)}, {fault.first}}});
  return {"errors", "Errors", {{std::move(table)}}};
}

Section pictures(std::string id, std::string title, const std::vector<Picture>& shown) {
  return {std::move(id), std::move(title), {{Paragraph{held_to_be_seen}}, {Pictures{shown}}}};
}

}  // namespace

std::uint64_t VerdictCounts::errors() const {
  std::uint64_t sum = 0;
  for (const Fault& fault : faults) sum += fault.files;
  return sum;
}

std::vector<Section> guard_run_sections(const GuardRunPage& run) {
  std::vector<Section> out{overview(run)};
  if (run.counts.judged > 0) {
    out.push_back(classes(run.counts));
    out.push_back(histogram(run.counts));
  }
  if (run.counts.errors() > 0) out.push_back(faults(run.counts));
  if (!run.most_unsafe.empty()) out.push_back(pictures("most-unsafe", "The most unsafe", run.most_unsafe));
  if (!run.nearest_threshold.empty())
    out.push_back(pictures("nearest", "Nearest the threshold", run.nearest_threshold));
  if (run.measured) out.push_back(guard_section(std::span(&*run.measured, 1)));
  return out;
}

}  // namespace holisafe::report
