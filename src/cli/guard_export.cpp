// `holisafe guard export`: a guard run out into a paper and into other programs.
#include <memory>
#include <string>

#include <fmt/format.h>

#include "cli/command_words.h"
#include "cli/commands.h"
#include "cli/left_out.h"
#include "cli/program.h"
#include "cli/type_names.h"
#include "exports/export_guard_run.h"

namespace holisafe::cli {
namespace {

struct GuardExportFlags {
  exports::GuardExportSettings settings;
  std::string run, out;
  std::string width = "column";
  bool spreadsheet = false;
};

/// The command without what changes no byte: where the files go.
std::string command_of(const GuardExportFlags& flags) {
  const exports::GuardExportSettings& settings = flags.settings;
  std::string out = "holisafe guard export " + shell_word(flags.run) + " --out DIR";
  const auto add = [&](const std::string& word) { out += " " + shell_word(word); };
  if (settings.formats != exports::format_names())
    add(fmt::format("--formats={}", fmt::join(settings.formats, ",")));
  if (flags.width != "column") add("--width=" + flags.width);
  if (flags.spreadsheet) add("--spreadsheet");
  if (!settings.labels.labels.empty()) add("--labels=" + settings.labels.labels.string());
  if (!settings.labels.images.empty()) add("--images=" + settings.labels.images.string());
  return out;
}

int export_run(GuardExportFlags& flags) {
  exports::GuardExportSettings& settings = flags.settings;
  settings.run = flags.run;
  settings.out = flags.out;
  settings.command = command_of(flags);
  settings.version = HOLISAFE_VERSION;
  settings.width = flags.width == "page" ? figures::page_width : figures::column_width;
  settings.reader = flags.spreadsheet ? exports::CsvFor::spreadsheets : exports::CsvFor::programs;
  const auto left_out = exports::export_guard_run(settings);
  if (!left_out) return report(left_out.error());
  say_left_out(*left_out);
  return exit_ok;
}

}  // namespace

void add_guard_export(CLI::App& guard) {
  auto flags = std::make_shared<GuardExportFlags>();
  exports::GuardExportSettings& settings = flags->settings;
  CLI::App* command =
      declare(guard, "export", "A guard run as tables, figures and data files, for a paper",
              {"holisafe guard export runs/uploads --out paper",
               "holisafe guard export runs/bench --out paper --labels HoliSafe-Bench/holisafe_bench.json "
               "--formats tex,pdf"});
  command->add_option("RUN", flags->run, "Folder of a guard run")->type_name(folder_type)->required();
  command->add_option("--out", flags->out, "Folder to make; it must be new or empty")
      ->type_name(folder_type)
      ->required();
  command
      ->add_option(
          "--formats", settings.formats,
          "Which files: counts and verdicts as csv, verdicts as jsonl, counts as tex and md, figures "
          "as svg and pdf")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember(exports::format_names()));
  command->add_option("--width", flags->width, "Figures as wide as a column (3.33 inches) or a page (6.9)")
      ->check(CLI::IsMember({"column", "page"}));
  command->add_flag("--spreadsheet", flags->spreadsheet,
                    "Put ' before cells of csv that a spreadsheet would take for a formula");
  command->add_option("--labels", settings.labels.labels,
                      "Rows with image and image_safety_label: figures of the guard measured by them");
  command
      ->add_option("--images", settings.labels.images,
                   "Folder that image paths of the labels start from (default: images beside them)")
      ->type_name(folder_type);
  on_run(command, [flags] { return export_run(*flags); });
}

}  // namespace holisafe::cli
