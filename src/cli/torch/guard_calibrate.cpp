// `holisafe guard calibrate`: fits a guard's temperature and per-class thresholds on labelled images.
#include <memory>

#include <fmt/format.h>

#include "cli/image_flags.h"
#include "cli/program.h"
#include "cli/terminal.h"
#include "cli/torch/commands.h"
#include "cli/torch/json_line.h"
#include "cli/torch/model_flags.h"
#include "taxonomy/taxonomy.h"
#include "train/guard_calibration.h"

namespace holisafe::cli {
namespace {

struct CalibrateFlags {
  ModelFlags model;
  std::string data, images, out;
  engine::FileVerdictOptions files{.batch_size = 8};
  bool json = false;
};

void print(const train::GuardCalibration& calibration) {
  const train::Calibration& found = calibration.found;
  fmt::print("{} images, accuracy {:.1f}%\ntemperature {:.4f}\n", calibration.images, 100 * found.accuracy,
             found.temperature);
  fmt::print("negative log-likelihood {:.4f} -> {:.4f}, calibration error {:.4f} -> {:.4f}\n",
             found.nll_before, found.nll_after, found.ece_before, found.ece_after);
  for (std::size_t i = 0; i < found.thresholds.size(); ++i)
    fmt::print("{:<26} {:.4f}\n", taxonomy::classes()[i].name, found.thresholds[i]);
}

Result<void> calibrate(const CalibrateFlags& flags, Context& context) {
  if (flags.model.guard.empty()) return fail(ErrorKind::usage, "cannot calibrate", "--guard", "is required");
  const std::string out = flags.out.empty() ? flags.model.guard : flags.out;
  HOLISAFE_TRY(engine::Engine engine, open_engine(flags.model));
  TerminalProgress progress("guard calibrate", "images");
  HOLISAFE_TRY(const auto found, train::calibrate_guard(engine, {flags.data, flags.images, out, flags.files},
                                                        &progress, context.stop()));
  if (flags.json) {
    fmt::print("{}", json_line(train::to_json(found, out)));
  } else {
    print(found);
  }
  return {};
}

}  // namespace

void add_guard_calibrate(CLI::App& guard) {
  auto flags = std::make_shared<CalibrateFlags>();
  CLI::App* command = declare(
      guard, "calibrate", "Fit a guard's temperature and thresholds on labelled images it was not trained on",
      {"holisafe guard calibrate --model llava-1.5-7b-hf --guard guard.safetensors --data held-out.json "
       "--images images"});
  add_model_flags(command, flags->model);
  command
      ->add_option("--data", flags->data, "Rows with image and image_safety_label, or a benchmark's folder")
      ->required();
  command->add_option("--images", flags->images,
                      "Folder that image paths start from (default: images beside the data)");
  command->add_option("--out", flags->out, "Guard to write (default: --guard itself)");
  command->add_option("--batch-size", flags->files.batch_size, "Images in one pass")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--json", flags->json, "One JSON object");
  add_image_flags(command, flags->files.decode);
  on_run(command, [flags](Context& context) {
    const auto done = calibrate(*flags, context);
    return done ? exit_ok : report(done.error());
  });
}

}  // namespace holisafe::cli
