// `holisafe data check`: everything that is wrong with a benchmark's files, at once.
#include <memory>

#include <fmt/format.h>

#include "benchmarks/open_set.h"
#include "cli/benchmark_flag.h"
#include "cli/commands.h"
#include "cli/image_flags.h"
#include "cli/program.h"
#include "cli/terminal.h"

namespace holisafe::cli {
namespace {

struct CheckFlags {
  std::string folder;
  std::string benchmark;
  std::string split;
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

int check(const CheckFlags& flags, Context& context) {
  const auto& benchmark = *benchmarks::find(flags.benchmark);
  const auto split = benchmarks::split_of(benchmark, flags.split);
  if (!split) return report(split.error());
  const auto contents = read_set(benchmark, {flags.folder, *split}, {});
  if (!contents) return report(contents.error());
  const std::string& file = contents->file;
  std::uint64_t count = report_all(contents->problems, file) + report_all(contents->disagreements, file);

  dataset::Problems image_problems(file);
  TerminalProgress progress("data check", "images");
  const auto decodes = [&](const chat::Image& image) -> Result<void> {
    const auto picture = image::load(image.file, image.bytes.get(), flags.decode);
    return picture ? Result<void>() : fail(picture.error());
  };
  const auto checked =
      benchmarks::check_images(*contents, decodes, image_problems, &progress, context.stop());
  count += report_all(image_problems, file);
  if (!checked) {
    report(checked.error());
    return checked.error().kind == ErrorKind::interrupted ? exit_interrupted : exit_error;
  }
  if (const auto note = row_count_note(benchmark, *split, contents->rows))
    warn(fmt::format("{}: {}", flags.folder, *note));
  fmt::print("{}: {} problems in {} {} with {} images\n", one_line(file),
             count == 0 ? "no" : fmt::format("{}", count), contents->rows, benchmark.rows_are,
             contents->named.size());
  return count == 0 ? exit_ok : exit_error;
}

}  // namespace

void add_data_check(CLI::App& data) {
  auto flags = std::make_shared<CheckFlags>();
  CLI::App* command =
      declare(data, "check", "Check a benchmark's data: every row, every label, every image",
              {"holisafe data check HoliSafe-Bench", "holisafe data check data --max-pixels 20000000",
               "holisafe data check vlsbench --benchmark vlsbench"});
  command
      ->add_option("DIR", flags->folder, "The benchmark's folder, or its file of rows; - is standard input")
      ->required();
  add_benchmark_flag(command, flags->benchmark);
  add_split_flag(command, flags->split);
  add_image_limits(command, flags->decode.limits);
  on_run(command, [flags](Context& context) { return check(*flags, context); });
}

}  // namespace holisafe::cli
