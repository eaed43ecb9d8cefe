// `holisafe guard report`: the page of a guard run made anew, with the guard measured by labels.
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json_line.h"
#include "cli/commands.h"
#include "cli/image_flags.h"
#include "cli/program.h"
#include "cli/type_names.h"
#include "metrics/guard_metrics_json.h"
#include "moderation/run_page.h"

namespace holisafe::cli {
namespace {

struct GuardReportFlags {
  std::string run, html;
  moderation::PageOptions page;
  bool json = false;
};

std::string percent(const std::optional<double>& rate) {
  return rate ? fmt::format("{:.1f}%", 100 * *rate) : "-";
}

void print(const metrics::GuardMetrics& found) {
  fmt::print("{} pictures with a label, flagged from {:g}: accuracy {}, precision {}, recall {}, F1 {}\n",
             found.rows, found.threshold, percent(found.binary.accuracy), percent(found.binary.precision),
             percent(found.binary.recall), percent(found.binary.f1));
  fmt::print("20-class accuracy {}, area under the ROC curve {}, calibration error {}\n",
             percent(found.accuracy), found.binary.auroc ? fmt::format("{:.4f}", *found.binary.auroc) : "-",
             found.ece ? fmt::format("{:.4f}", *found.ece) : "-");
}

Result<void> make(GuardReportFlags& flags) {
  flags.page.version = HOLISAFE_VERSION;
  HOLISAFE_TRY(const auto store, verdicts::GuardStore::open(flags.run, store::Access::read));
  HOLISAFE_TRY(const std::string page, moderation::run_page(store, flags.page));
  if (flags.html.empty()) {
    HOLISAFE_CHECK(write_file_atomic(store.folder() / "report.html", page));
  } else {
    HOLISAFE_CHECK(write_named_file(flags.html, page));
  }
  if (flags.page.labels.empty()) return {};
  HOLISAFE_TRY(const auto measured, moderation::measure_run(store, flags.page));
  if (flags.json) {
    fmt::print("{}", json_line(metrics::to_json(measured.metrics)));
  } else {
    print(measured.metrics);
  }
  return {};
}

}  // namespace

void add_guard_report(CLI::App& guard) {
  auto flags = std::make_shared<GuardReportFlags>();
  CLI::App* command =
      declare(guard, "report", "Make a guard run's page anew; with labels, measure the guard",
              {"holisafe guard report runs/uploads --html page.html",
               "holisafe guard report runs/bench --labels HoliSafe-Bench/holisafe_bench.json --json"});
  command->add_option("RUN", flags->run, "Folder of a guard run")->type_name(folder_type)->required();
  command->add_option("--html", flags->html, "File to write (default: report.html in RUN)");
  command->add_option(
      "--labels", flags->page.labels,
      "Rows with image and image_safety_label, such as a benchmark's or those of guard labels");
  command
      ->add_option("--images", flags->page.images,
                   "Folder that image paths of the labels start from (default: images beside them)")
      ->type_name(folder_type);
  command->add_flag("--json", flags->json, "With labels: the guard's metrics as one JSON object");
  add_image_limits(command, flags->page.decode.limits);
  on_run(command, [flags] {
    const auto done = make(*flags);
    return done ? exit_ok : report(done.error());
  });
}

}  // namespace holisafe::cli
