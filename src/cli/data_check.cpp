// `holisafe data check`: everything that is wrong with a benchmark's files, at once.
#include <memory>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/image_flags.h"
#include "cli/program.h"
#include "cli/terminal.h"
#include "dataset/bench.h"

namespace holisafe::cli {
namespace {

struct Flags {
  std::string folder;
  image::DecodeOptions decode;
};

/// Prints each problem as an error; says how many.
std::uint64_t report_all(const dataset::Problems& problems, std::string_view file) {
  for (const Error& error : problems.kept()) report(error);
  if (problems.left_out() > 0) {
    report({ErrorKind::too_large, "more problems than are shown", std::string(file),
            fmt::format("{} are left out", problems.left_out())});
  }
  return problems.count();
}

int check(const Flags& flags, Context& context) {
  const auto bench = dataset::read_bench(flags.folder);
  if (!bench) return report(bench.error());
  const std::string& file = bench->file.name();
  std::uint64_t count = report_all(bench->problems, file) + report_all(bench->disagreements, file);

  dataset::Problems image_problems(file);
  TerminalProgress progress("data check", "images");
  const auto decodes = [&](const std::filesystem::path& path) -> Result<void> {
    HOLISAFE_TRY(const image::Image picture, image::load(path, flags.decode));
    static_cast<void>(picture);
    return {};
  };
  const auto checked = dataset::check_images(*bench, decodes, image_problems, &progress, context.stop());
  count += report_all(image_problems, file);
  if (!checked) {
    report(checked.error());
    return exit_interrupted;
  }
  if (count > 0) {
    fmt::print("{}: {} problems in {} pairs with {} images\n", one_line(file), count, bench->rows,
               bench->named_images.size());
    return exit_error;
  }
  fmt::print("{}: no problems in {} pairs with {} images\n", one_line(file), bench->rows,
             bench->named_images.size());
  return exit_ok;
}

}  // namespace

void add_data_check(CLI::App& data) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = declare(
      data, "check", "Check HoliSafe-Bench or data in its format: every row, every label, every image",
      {"holisafe data check HoliSafe-Bench", "holisafe data check data --max-pixels 20000000"});
  command->add_option("DIR", flags->folder, "Folder that holds holisafe_bench.json and images/")->required();
  add_image_limits(command, flags->decode.limits);
  on_run(command, [flags](Context& context) { return check(*flags, context); });
}

}  // namespace holisafe::cli
