#include "exports/export_runs.h"

#include <fmt/format.h>

#include "base/file.h"
#include "exports/method.h"
#include "exports/read_sources.h"
#include "exports/score_lines.h"
#include "exports/score_table.h"

namespace holisafe::exports {
namespace {

namespace fs = std::filesystem;

/// Reads the sources while each of the formats from `next` on that has rows writes them.
class RowFiles {
 public:
  RowFiles(const fs::path& folder, std::span<const Format* const> formats, const RowLayout& layout)
      : folder_(folder), formats_(formats), layout_(layout) {}

  /// `read` is given what takes each row.
  Result<void> write(const std::function<Result<void>(const OnRow&)>& read, std::size_t next = 0) {
    while (next < formats_.size() && formats_[next]->rows == nullptr) ++next;
    if (next == formats_.size()) {
      return read([&](const ExportedRow& row) -> Result<void> {
        for (const auto& [format, piece] : open_) HOLISAFE_CHECK(piece(format->line(layout_, row)));
        return {};
      });
    }
    const Format& format = *formats_[next];
    return write_file_atomic(folder_ / fmt::format("rows.{}", format.name),
                             [&](const WritePiece& piece) -> Result<void> {
                               HOLISAFE_CHECK(piece(format.rows->head(layout_)));
                               open_.emplace_back(format.rows, piece);
                               return write(read, next + 1);
                             });
  }

 private:
  fs::path folder_;
  std::span<const Format* const> formats_;
  const RowLayout& layout_;
  std::vector<std::pair<const RowFormat*, WritePiece>> open_;
};

bool any_scores(const std::vector<Source>& sources) {
  for (const Source& source : sources) {
    if (!source.scores.empty()) return true;
  }
  return false;
}

/// scores.csv, .tex, .md.
Result<void> write_scores(const fs::path& folder, const ExportSettings& settings,
                          std::span<const Format* const> formats, const std::vector<Source>& sources,
                          std::vector<LeftOut>& left_out) {
  if (!any_scores(sources)) {
    left_out.push_back({"scores", "no judge's verdicts"});
    return {};
  }
  if (has(formats, "csv"))
    HOLISAFE_CHECK(write_file_atomic(folder / "scores.csv", score_lines(sources, settings.reader)));
  const Remarks remarks = {fmt::format("Made by holisafe {}.", settings.version), settings.command};
  return write_tables(folder, "scores", score_tables(sources, settings.intervals), remarks, formats);
}

Result<void> write_all(const fs::path& folder, const ExportSettings& settings,
                       std::span<const Format* const> formats, const Inputs& inputs,
                       const SourceOptions& reading, const RowLayout& layout, ExportEnd& out) {
  SourcesRead read;
  RowFiles rows(folder, formats, layout);
  HOLISAFE_CHECK(rows.write([&](const OnRow& on_row) -> Result<void> {
    HOLISAFE_TRY(read, read_sources(inputs, reading, layout, on_row));
    return {};
  }));
  out.warnings = std::move(read.warnings);
  out.left_out = std::move(read.left_out);
  HOLISAFE_CHECK(write_scores(folder, settings, formats, read.sources, out.left_out));
  const FigureSet figures = run_figures(read.sources);
  if (has(formats, "svg") || has(formats, "pdf"))
    out.left_out.insert(out.left_out.end(), figures.left_out.begin(), figures.left_out.end());
  HOLISAFE_CHECK(write_figures(folder, figures.charts, settings.width, formats));
  HOLISAFE_CHECK(write_file_atomic(folder / "method.txt",
                                   method_text(read.sources, settings.bootstrap, settings.version)));
  return write_file_atomic(folder / "references.bib", references(read.sources, settings.version));
}

}  // namespace

Result<ExportEnd> export_runs(const ExportSettings& settings) {
  HOLISAFE_TRY(const auto formats, formats_named(settings.formats));
  SourceOptions reading{settings.judges, benchmarks::find(settings.benchmark), settings.allow_missing,
                        settings.bootstrap};
  if (reading.benchmark == nullptr) {
    return fail(ErrorKind::usage, "unknown benchmark", settings.benchmark,
                fmt::format("expected {}", fmt::join(benchmarks::names(), ", ")));
  }
  HOLISAFE_TRY(const auto inputs, open_inputs(settings.inputs));
  HOLISAFE_TRY(auto layout, layout_of(inputs, reading));
  layout.reader = settings.reader;
  ExportEnd out;
  HOLISAFE_CHECK(write_new_folder(settings.out, [&](const fs::path& folder) {
    return write_all(folder, settings, formats, inputs, reading, layout, out);
  }));
  return out;
}

}  // namespace holisafe::exports
