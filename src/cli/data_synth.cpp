// `holisafe data synth` and `data sheet`: pictograms with questions, in the shapes of a benchmark and of
// training data.
#include <memory>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/terminal.h"
#include "cli/type_names.h"
#include "synthesis/scene.h"
#include "synthesis/write.h"

namespace holisafe::cli {
namespace {

struct SheetFlags {
  std::string out;
  int image_size = 64;
  std::uint64_t seed = 0;
};

Result<void> draw_sheet(const SheetFlags& flags) {
  HOLISAFE_TRY(const image::Image sheet, synthesis::contact_sheet(flags.image_size, 8, flags.seed));
  HOLISAFE_TRY(const std::string png, image::encode_png(sheet));
  return write_named_file(flags.out, png);
}

int synthesise(const synthesis::SynthesisOptions& options, Context& context) {
  if (options.train + options.bench + options.helpful + options.base + options.beside == 0) {
    return report(
        {ErrorKind::usage, "nothing to make", "", "give --train, --bench, --helpful, --base or --beside"});
  }
  TerminalProgress progress("data synth", "rows");
  const auto done = synthesis::synthesise(options, &progress, context.stop());
  return done ? exit_ok : report(done.error());
}

}  // namespace

void add_data_synth(CLI::App& data) {
  auto options = std::make_shared<synthesis::SynthesisOptions>();
  auto out = std::make_shared<std::string>();
  CLI::App* command = declare(data, "synth", "Make a synthetic benchmark and training data of pictograms",
                              {"holisafe data synth --out data --seed 1 --train 6000 --bench 500",
                               "holisafe data synth --out base-data --seed 2 --base 60000"});
  command->add_option("--out", *out, "Folder to make; it must be new or empty")
      ->type_name(folder_type)
      ->required();
  command->add_option("--seed", options->seed, "The same seed gives the same bytes");
  command->add_option("--train", options->train, "Pairs in train.json (LLaVA format with guard labels)");
  command->add_option("--bench", options->bench, "Pairs in holisafe_bench.json; 95 show every class");
  auto* helpful =
      command->add_option("--helpful", options->helpful,
                          "Conversations in helpful.json (no refusals); half of --train if not given");
  command->add_option(
      "--base", options->base,
      "Conversations in base.json: all symbols, answered without limits, for training a base model");
  command->add_option("--beside", options->beside,
                      "Pictures in beside.json: a sign in a corner, an everyday object in the opposite one");
  command->add_option("--image-size", options->image_size, "Pixels a side")->check(CLI::Range(16, 1024));
  on_run(command, [options, out, helpful](Context& context) {
    options->out = *out;
    if (helpful->count() == 0) options->helpful = options->train / 2;
    return synthesise(*options, context);
  });
}

void add_data_sheet(CLI::App& data) {
  auto flags = std::make_shared<SheetFlags>();
  CLI::App* command = declare(data, "sheet", "Draw all pictograms on one sheet, to look at",
                              {"holisafe data sheet --out sheet.png"});
  command->add_option("--out", flags->out, "PNG to write")->required();
  command->add_option("--seed", flags->seed, "Which variations are drawn");
  command->add_option("--image-size", flags->image_size, "Pixels a side of each picture")
      ->check(CLI::Range(16, 256));
  on_run(command, [flags] {
    const auto done = draw_sheet(*flags);
    return done ? exit_ok : report(done.error());
  });
}

}  // namespace holisafe::cli
