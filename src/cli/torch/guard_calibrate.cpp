// `holisafe guard calibrate`: fits a guard's temperature and per-class thresholds on labelled images.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json_line.h"
#include "cli/image_flags.h"
#include "cli/program.h"
#include "cli/terminal.h"
#include "cli/torch/commands.h"
#include "cli/torch/model_flags.h"
#include "cli/type_names.h"
#include "report/calibration_sections.h"
#include "report/page.h"
#include "taxonomy/taxonomy.h"
#include "train/guard_calibration.h"

namespace holisafe::cli {
namespace {

struct CalibrateFlags {
  ModelFlags model;
  std::string data, images, out, html;
  engine::JudgeOptions judge;
  std::string objective = "f1";
  std::int64_t min_images = 20;
  bool json = false;
};

/// "97.1% (90.2-99.6)"; "-" where there is none.
std::string percent(const std::optional<double>& rate, const std::optional<metrics::Interval>& interval) {
  if (!rate) return "-";
  std::string out = fmt::format("{:.1f}%", 100 * *rate);
  if (interval) out += fmt::format(" ({:.1f}-{:.1f})", 100 * interval->low, 100 * interval->high);
  return out;
}

void print(const train::GuardCalibration& calibration) {
  const train::Calibration& found = calibration.found;
  fmt::print("{} images, accuracy {:.1f}%\ntemperature {:.4f}\n", calibration.images, 100 * found.accuracy,
             found.temperature);
  fmt::print("negative log-likelihood {:.4f} -> {:.4f}, calibration error {:.4f} -> {:.4f}\n",
             found.nll_before, found.nll_after, found.ece_before, found.ece_after);
  fmt::print("{:<26} {:>9} {:>7} {:>22} {:>22} {:>17}\n", "class", "threshold", "images", "precision",
             "recall", "average precision");
  for (std::size_t i = 0; i < found.thresholds.size(); ++i) {
    const metrics::ClassAtThreshold& at = found.classes[i];
    fmt::print("{:<26} {:>9.4f} {:>7} {:>22} {:>22} {:>17}\n", taxonomy::classes()[i].name,
               found.thresholds[i], at.images, percent(at.precision, at.precision_interval),
               percent(at.recall, at.recall_interval), percent(at.average_precision, std::nullopt));
  }
}

Result<void> write_page(const CalibrateFlags& flags, const train::GuardCalibration& calibration) {
  const train::Calibration& found = calibration.found;
  report::Report page;
  page.title = "Guard calibration";
  page.subtitle = flags.model.guard;
  page.sections = report::calibration_sections({.objective = flags.objective,
                                                .temperature = found.temperature,
                                                .nll_before = found.nll_before,
                                                .nll_after = found.nll_after,
                                                .before = calibration.before,
                                                .after = calibration.after,
                                                .thresholds = found.thresholds,
                                                .classes = found.classes});
  page.footer = fmt::format("Made by holisafe {}.", HOLISAFE_VERSION);
  return write_named_file(flags.html, report::page(page));
}

/// Classes without a threshold of their own are named, whatever is printed.
void warn_of_few(const train::Calibration& found, std::int64_t wanted) {
  std::string names;
  for (const std::size_t index : found.too_few)
    names += fmt::format("{}{} ({})", names.empty() ? "" : ", ", taxonomy::classes()[index].name,
                         found.classes[index].images);
  if (names.empty()) return;
  warn(fmt::format("the threshold 0.5 stays of classes with fewer than {} images: {}", wanted, names));
}

Result<void> calibrate(const CalibrateFlags& flags, Context& context) {
  if (flags.model.guard.empty()) return fail(ErrorKind::usage, "cannot calibrate", "--guard", "is required");
  const std::string out = flags.out.empty() ? flags.model.guard : flags.out;
  HOLISAFE_TRY(const auto objective, metrics::ThresholdObjective::parse(flags.objective));
  HOLISAFE_TRY(engine::Engine engine, open_engine(flags.model));
  TerminalProgress progress("guard calibrate", "images");
  const train::GuardCalibrationSettings settings{
      flags.data, flags.images, out, flags.judge, {objective, flags.min_images}};
  HOLISAFE_TRY(const auto found,
               train::calibrate_guard(std::move(engine), settings, &progress, context.stop()));
  warn_of_few(found.found, flags.min_images);
  if (!flags.html.empty()) HOLISAFE_CHECK(write_page(flags, found));
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
       "--images images",
       "holisafe guard calibrate --model llava-1.5-7b-hf --guard guard.safetensors --data labels.json "
       "--images uploads --objective recall=0.95 --html calibration.html"});
  add_model_flags(command, flags->model);
  command
      ->add_option("--data", flags->data, "Rows with image and image_safety_label, or a benchmark's folder")
      ->required();
  command
      ->add_option("--images", flags->images,
                   "Folder that image paths start from (default: images beside the data)")
      ->type_name(folder_type);
  command->add_option("--out", flags->out, "Guard to write (default: --guard itself)");
  command
      ->add_option(
          "--batch-size", flags->judge.batch_size,
          "Images under way at once, each in a pass of its own; twice as many and six are decoded ahead")
      ->check(CLI::Range(1, 1024));
  command
      ->add_option(
          "--objective", flags->objective,
          "What a class's threshold is for: the best F1, or at least this recall or precision, or at "
          "most this rate of false alarms")
      ->type_name("f1|recall=R|precision=P|fpr=F");
  command->add_option("--min-images", flags->min_images, "A class with fewer images keeps the threshold 0.5")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--json", flags->json, "One JSON object");
  command->add_option("--html", flags->html,
                      "Write reliability before and after, precision-recall and ROC curves to this file");
  add_image_flags(command, flags->judge.decode);
  on_run(command, [flags](Context& context) {
    const auto done = calibrate(*flags, context);
    return done ? exit_ok : report(done.error());
  });
}

}  // namespace holisafe::cli
