#include "moderation/compare_page.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "moderation/run_paths.h"
#include "moderation/thumbnail.h"
#include "report/page.h"
#include "verdicts/verdict_json.h"

namespace holisafe::moderation {
namespace {

using report::Cell;
using report::Table;

std::string number(std::uint64_t value) { return fmt::format("{}", value); }

std::string class_name(std::size_t index) { return std::string(taxonomy::classes()[index].name); }

report::Section overview(const RunNames& names, const VerdictComparison& found) {
  Table table;
  table.caption = fmt::format(
      "{} pictures that both runs judged, each content once; {} only in the first run, {} only in the "
      "second.",
      found.pictures(), found.only_in_first, found.only_in_second);
  table.columns = {
      {""}, {fmt::format("{}: flagged", names.second), true}, {fmt::format("{}: not", names.second), true}};
  table.rows = {{{{fmt::format("{}: flagged", names.first)}, {number(found.both)}, {number(found.first)}}},
                {{{fmt::format("{}: not", names.first)}, {number(found.second)}, {number(found.neither)}}}};
  const std::string test = fmt::format(
      "{} flagged by {} alone, {} by {} alone: p = {:.3g} (McNemar's exact test). {} pictures count as "
      "another "
      "class.",
      found.first, names.first, found.second, names.second, found.test.p_value, found.changed.size());
  return {"overview", "Flagged", {{std::move(table)}, {report::Paragraph{test}}}};
}

report::Section classes(const RunNames& names, const VerdictComparison& found) {
  Table table;
  table.compact = true;
  table.caption = fmt::format(
      "What pictures count as: rows are {}, columns {}; shade is the share of the row. A flagged picture "
      "counts "
      "as its most probable harm, any other as safe.",
      names.first, names.second);
  table.columns = {{""}};
  for (std::size_t i = 0; i < taxonomy::class_count; ++i) table.columns.push_back({class_name(i), true});
  for (std::size_t i = 0; i < taxonomy::class_count; ++i) {
    const auto& row = found.classes[i];
    const auto sum = std::accumulate(row.begin(), row.end(), std::uint64_t{0});
    Table::Row line{{{class_name(i)}}};
    for (const std::uint64_t count : row) {
      line.cells.push_back({count > 0 ? number(count) : "", "", report::Shade::neutral,
                            sum > 0 ? static_cast<double>(count) / static_cast<double>(sum) : 0});
    }
    table.rows.push_back(std::move(line));
  }
  return {"classes", "Class against class", {{std::move(table)}}};
}

std::string words(const Standing& standing) {
  return fmt::format("{}, unsafe {:.1f}%", class_name(standing.counted), 100 * standing.unsafe);
}

}  // namespace

Result<std::string> compare_page(const verdicts::GuardStore& first, const verdicts::GuardStore& second,
                                 const RunNames& names, const VerdictComparison& comparison,
                                 const PageOptions& options) {
  HOLISAFE_TRY(const RunPaths paths, RunPaths::of(first));
  HOLISAFE_TRY(const RunPaths second_paths, RunPaths::of(second));
  report::Report out;
  out.title = "Two guard runs";
  out.subtitle = fmt::format("{} against {}", names.second, names.first);
  out.sections = {overview(names, comparison), classes(names, comparison)};
  report::Pictures shown;
  const std::size_t count = std::min(options.most_pictures, comparison.changed.size());
  for (std::size_t i = 0; i < count; ++i) {
    const ChangedPicture& changed = comparison.changed[i];
    report::Picture picture = thumbnail(paths.absolute(changed.path), changed.sha256, options.decode);
    if (picture.url.empty())
      picture = thumbnail(second_paths.absolute(changed.second_path), changed.sha256, options.decode);
    picture.title = verdicts::readable(changed.path);
    picture.note = fmt::format("{}; then {}", words(changed.first), words(changed.second));
    shown.pictures.push_back(std::move(picture));
  }
  if (count > 0) {
    const std::string which =
        fmt::format("{} of {}, the largest change of the probability of not being safe first. ", count,
                    comparison.changed.size());
    out.sections.push_back({"changed",
                            "Pictures that changed",
                            {{report::Paragraph{which + report::held_to_be_seen}}, {std::move(shown)}}});
  }
  out.footer = made_by(options.version);
  return report::page(out);
}

}  // namespace holisafe::moderation
