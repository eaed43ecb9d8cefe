// `holisafe data export`: what a build made, as a data set with its provenance and its card.
#include <charconv>
#include <cstdlib>
#include <memory>
#include <string_view>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/program.h"
#include "cli/terminal.h"
#include "cli/type_names.h"
#include "construction/export.h"
#include "construction/export_formats.h"

namespace holisafe::cli {
namespace {

struct DataExportFlags {
  std::string work, out;
  construction::ExportSettings settings;
};

/// The date that reproducible builds go by (reproducible-builds.org/specs/source-date-epoch); nothing where
/// none is set.
Result<std::optional<std::int64_t>> source_date() {
  constexpr const char* variable = "SOURCE_DATE_EPOCH";
  const char* const found = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nobody sets one
  if (found == nullptr || *found == '\0') return std::optional<std::int64_t>();
  const std::string_view text = found;
  std::int64_t seconds = 0;
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (code != std::errc() || stop != text.data() + text.size() || seconds < 0) {
    return fail(ErrorKind::usage, "bad date", variable,
                fmt::format("expected seconds since 1970, found \"{}\"", one_line(text)));
  }
  return std::optional(seconds);
}

int export_work(DataExportFlags& flags, Context& context) {
  const auto date = source_date();
  if (!date) return report(date.error());
  flags.settings.date = *date;
  flags.settings.out = flags.out;
  flags.settings.version = HOLISAFE_VERSION;
  const auto work = construction::Work::open(flags.work, store::Access::read);
  if (!work) return report(work.error());
  TerminalProgress progress("data export", "pairs");
  const auto counts = construction::export_build(*work, flags.settings, &progress, context.stop());
  if (!counts) return report(counts.error());
  for (const auto& [why, pairs] : counts->left_out) warn(fmt::format("left out: {} pairs: {}", pairs, why));
  for (const auto* const side : {&counts->train, &counts->bench}) {
    if (side->pairs == 0)
      warn(fmt::format("no pair is for {}", side == &counts->bench ? "benchmarking" : "training"));
  }
  fmt::print("{}: {} pairs for training and {} for benchmarking, on {} pictures\n", one_line(flags.out),
             counts->train.pairs, counts->bench.pairs, counts->images());
  return exit_ok;
}

}  // namespace

void add_data_export(CLI::App& data) {
  auto flags = std::make_shared<DataExportFlags>();
  construction::ExportSettings& settings = flags->settings;
  CLI::App* command = declare(
      data, "export", "Write a build's pairs and pictures as a data set, with provenance and a dataset card",
      {"holisafe data export work --out my-holisafe --license cc-by-4.0 --name \"My HoliSafe\"",
       "holisafe data export work --out for-the-hub --format imagefolder --reviewed-only"});
  command->add_option("WORK", flags->work, "Folder of a build that was split")
      ->type_name(folder_type)
      ->required();
  command->add_option("--out", flags->out, "Folder to make; it must be new or empty")
      ->type_name(folder_type)
      ->required();
  command
      ->add_option(
          "--format", settings.format,
          "HoliSafe-Bench and LLaVA conversations, an imagefolder as datasets loads it, or tar files of "
          "WebDataset")
      ->check(CLI::IsMember(construction::export_format_names()));
  command
      ->add_option("--license", settings.license,
                   "License of the data set, for its card; else the pictures' own")
      ->check(utf8_text());
  command->add_option("--name", settings.name, "Name of the data set, for its card")->check(utf8_text());
  command->add_flag("--reviewed-only", settings.selection.reviewed_only,
                    "Only pairs that a person accepted or edited");
  command->add_flag("--require-license", settings.selection.require_license,
                    "An error if a picture has no license");
  on_run(command, [flags](Context& context) { return export_work(*flags, context); });
}

}  // namespace holisafe::cli
