// `holisafe guard calibrate`: fits a guard's temperature and per-class thresholds on labelled images.
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>

#include <fmt/format.h>

#include "base/file.h"
#include "cli/image_flags.h"
#include "cli/program.h"
#include "cli/terminal.h"
#include "cli/torch/commands.h"
#include "cli/torch/model_flags.h"
#include "dataset/rows.h"
#include "guard/file.h"
#include "taxonomy/taxonomy.h"
#include "train/calibration.h"

namespace holisafe::cli {
namespace {

namespace fs = std::filesystem;

struct CalibrateFlags {
  ModelFlags model;
  image::DecodeOptions decode;
  std::string data, images, out;
  std::size_t batch_size = 8;
  bool json = false;
};

/// Labelled images, each once, in the order of their paths.
using Labels = std::map<std::string, std::int64_t>;

/// Rows of benchmark or training data that show one image and have its label. Errors: those of RowFile;
/// mismatch (one image with two labels), out_of_range, missing (no such row).
Result<Labels> read_labels(const fs::path& file) {
  HOLISAFE_TRY(const auto rows, dataset::RowFile::open(file.string()));
  Labels labels;
  HOLISAFE_CHECK(rows.for_each([&](const dataset::Row& row) -> Result<void> {
    const auto field = "image_safety_label";
    if (!row.image || !row.image_safety_label || *row.image_safety_label == -100) return {};
    const std::int64_t label = *row.image_safety_label;
    if (label < 0 || label >= static_cast<std::int64_t>(taxonomy::class_count)) {
      return fail(ErrorKind::out_of_range, "cannot calibrate", row.where(file.string(), field),
                  fmt::format("expected 0 to 19, or -100 for none, found {}", label));
    }
    const auto [place, is_new] = labels.try_emplace(std::string(*row.image), label);
    if (is_new || place->second == label) return {};
    return fail(ErrorKind::mismatch, "cannot calibrate", row.where(file.string(), field),
                fmt::format("expected {} as in another row of this image, found {}", place->second, label));
  }));
  if (labels.empty())
    return fail(ErrorKind::missing, "cannot calibrate", file.string(), "no row has an image and its label");
  return labels;
}

/// Logits [images, 20] and labels [images].
struct Judged {
  torch::Tensor logits, labels;
};

Result<Judged> judge(const engine::Engine& engine, const Labels& labels, const fs::path& images,
                     const CalibrateFlags& flags, const StopFlag& stop) {
  TerminalProgress progress("guard calibrate", "images");
  std::vector<float> logits;
  std::vector<std::int64_t> wanted;
  std::vector<models::ProcessedImage> batch;
  const auto run = [&]() -> Result<void> {
    HOLISAFE_TRY(const auto verdicts, engine.verdicts(batch));
    for (const auto& verdict : verdicts)
      logits.insert(logits.end(), verdict.logits.begin(), verdict.logits.end());
    batch.clear();
    progress.update(wanted.size(), labels.size(), "");
    return {};
  };
  for (const auto& [relative, label] : labels) {
    if (stop.requested()) return fail(ErrorKind::interrupted, "stopped while calibrating");
    HOLISAFE_TRY(const fs::path path, resolve_beneath(images, relative));
    HOLISAFE_TRY(const image::Image picture, image::load(path, flags.decode));
    HOLISAFE_TRY(models::ProcessedImage processed, engine.process(picture));
    batch.push_back(std::move(processed));
    wanted.push_back(label);
    if (batch.size() == flags.batch_size) HOLISAFE_CHECK(run());
  }
  if (!batch.empty()) HOLISAFE_CHECK(run());
  const auto count = static_cast<std::int64_t>(wanted.size());
  return Judged{torch::tensor(logits).view({count, -1}), torch::tensor(wanted, torch::kInt64)};
}

void print(const train::Calibration& found, std::size_t images, const std::string& out, bool json) {
  if (json) {
    nlohmann::ordered_json thresholds;
    for (std::size_t i = 0; i < found.thresholds.size(); ++i)
      thresholds[std::string(taxonomy::classes()[i].name)] = found.thresholds[i];
    const nlohmann::ordered_json line{{"guard", out},
                                      {"images", images},
                                      {"temperature", found.temperature},
                                      {"thresholds", thresholds},
                                      {"nll", {{"before", found.nll_before}, {"after", found.nll_after}}},
                                      {"ece", {{"before", found.ece_before}, {"after", found.ece_after}}},
                                      {"accuracy", found.accuracy}};
    fmt::print("{}\n", line.dump());
    return;
  }
  fmt::print("{} images, accuracy {:.1f}%\ntemperature {:.4f}\n", images, 100 * found.accuracy,
             found.temperature);
  fmt::print("negative log-likelihood {:.4f} -> {:.4f}, calibration error {:.4f} -> {:.4f}\n",
             found.nll_before, found.nll_after, found.ece_before, found.ece_after);
  for (std::size_t i = 0; i < found.thresholds.size(); ++i)
    fmt::print("{:<26} {:.4f}\n", taxonomy::classes()[i].name, found.thresholds[i]);
}

Result<void> calibrate(const CalibrateFlags& flags, Context& context) {
  if (flags.model.guard.empty()) return fail(ErrorKind::usage, "cannot calibrate", "--guard", "is required");
  std::error_code ignored;
  const bool folder = fs::is_directory(flags.data, ignored);
  const fs::path file = folder ? fs::path(flags.data) / "holisafe_bench.json" : fs::path(flags.data);
  const fs::path images = flags.images.empty() ? file.parent_path() / "images" : fs::path(flags.images);
  HOLISAFE_TRY(const Labels labels, read_labels(file));
  HOLISAFE_TRY(engine::Engine engine, open_engine(flags.model));
  HOLISAFE_TRY(const Judged judged, judge(engine, labels, images, flags, context.stop()));
  HOLISAFE_TRY(const auto found, train::calibrate(judged.logits, judged.labels));
  engine.guard()->info().temperature = found.temperature;
  engine.guard()->info().thresholds = found.thresholds;
  const std::string out = flags.out.empty() ? flags.model.guard : flags.out;
  HOLISAFE_CHECK(guard::write(*engine.guard(), out));
  print(found, labels.size(), out, flags.json);
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
  command->add_option("--batch-size", flags->batch_size, "Images in one pass")->check(CLI::Range(1, 1024));
  command->add_flag("--json", flags->json, "One JSON object");
  add_image_flags(command, flags->decode);
  on_run(command, [flags](Context& context) {
    const auto done = calibrate(*flags, context);
    if (done) return exit_ok;
    report(done.error());
    return done.error().kind == ErrorKind::interrupted ? exit_interrupted : exit_error;
  });
}

}  // namespace holisafe::cli
