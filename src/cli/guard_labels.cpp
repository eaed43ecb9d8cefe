// `holisafe guard labels`: rows with image and label out of a guard run.
#include <memory>
#include <string>

#include <fmt/format.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/terminal.h"
#include "cli/type_names.h"
#include "moderation/labels.h"
#include "verdicts/verdict_json.h"

namespace holisafe::cli {
namespace {

struct LabelsFlags {
  std::string run, out;
  moderation::LabelOptions options;
};

void tell(const moderation::LabelsWritten& written, const LabelsFlags& flags) {
  for (const std::string& path : written.no_utf8)
    warn(fmt::format("left out, its name is no UTF-8: {}", path));
  for (const auto& [row, path] : written.unknown)
    warn(fmt::format("a decision on a file that the run lacks: {}: row {}: {}",
                     flags.options.decisions.string(), row, verdicts::readable(path)));
  say(fmt::format("holisafe: {} rows, {} of them decided on; {} left out, {} not judged, {} gone\n",
                  written.rows, written.decided, written.left_out + written.no_utf8.size(), written.unjudged,
                  written.gone));
  say(fmt::format("holisafe: readers need --images {}\n", one_line(written.images)));
}

Result<void> write(const LabelsFlags& flags) {
  HOLISAFE_TRY(const auto store, verdicts::GuardStore::open(flags.run, store::Access::read));
  HOLISAFE_TRY(const auto written, moderation::write_labels(store, flags.options, flags.out));
  tell(written, flags);
  return {};
}

}  // namespace

void add_guard_labels(CLI::App& guard) {
  auto flags = std::make_shared<LabelsFlags>();
  CLI::App* command = declare(
      guard, "labels",
      "Labels out of a guard run, for guard calibrate, train --freeze all and bench guard: rows with image "
      "and "
      "image_safety_label",
      {"holisafe guard labels runs/uploads --out labels.json",
       "holisafe guard labels runs/uploads --out labels.json --decisions decided.jsonl --decided-only",
       "echo '{\"path\": \"uploads/1.jpg\", \"label\": \"safe\"}' > decided.jsonl"});
  command->add_option("RUN", flags->run, "Folder of a guard run")->type_name(folder_type)->required();
  command->add_option("--out", flags->out, "File to write: a JSON array; stderr says what --images is for it")
      ->required();
  command->add_option(
      "--decisions", flags->options.decisions,
      "What a human decided: JSON lines or an array of {\"path\" or \"sha256\", \"label\": a class's "
      "name or number, or null to leave the picture out}");
  command->add_flag("--decided-only", flags->options.decided_only,
                    "Leave out pictures that nobody decided on");
  on_run(command, [flags] {
    const auto done = write(*flags);
    return done ? exit_ok : report(done.error());
  });
}

}  // namespace holisafe::cli
