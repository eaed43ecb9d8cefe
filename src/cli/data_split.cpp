// `holisafe data split`: a build's pairs on two sides, and whether any picture is on both.
#include <memory>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/json_line.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/terminal.h"
#include "cli/type_names.h"
#include "construction/files.h"
#include "construction/split.h"

namespace holisafe::cli {
namespace {

struct SplitFlags {
  std::string work;
  construction::SplitSettings settings;
  bool asked = false;  ///< for a new split
  bool verify = false;
  bool json = false;
};

/// The split that was asked for, or the one that stands.
Result<construction::SplitCounts> split_or_count(const SplitFlags& flags, construction::Work& work) {
  if (!flags.asked) return construction::count_sides(work);
  HOLISAFE_TRY(construction::SplitCounts out, construction::split(work, flags.settings));
  HOLISAFE_CHECK(construction::write_files(work));
  return out;
}

void show_counts(const construction::SplitCounts& counts) {
  fmt::print("train {} pairs, bench {} ({:.1f}%), in {} clusters of pictures\n", counts.train, counts.bench,
             100 * counts.bench_share(), counts.clusters);
  if (counts.shared_instructions > 0)
    fmt::print("{} instructions stand word for word on both sides, about other pictures\n",
               counts.shared_instructions);
}

/// Prints what is on both sides; gives what `--json` says of it.
nlohmann::ordered_json show_leaks(const std::vector<construction::Leak>& leaks) {
  auto out = nlohmann::ordered_json::array();
  for (const construction::Leak& leak : leaks) {
    warn(fmt::format("one picture on both sides: {} (train) and {} (bench)", one_line(leak.train),
                     one_line(leak.bench)));
    out.push_back({{"train", leak.train}, {"bench", leak.bench}});
  }
  return out;
}

int split_work(const SplitFlags& flags, Context& context) {
  if (!flags.asked && !flags.verify) {
    return report(
        {ErrorKind::usage, "no share", "--bench",
         "expected the share of the pairs to keep for benchmarking, or --verify for the split that stands"});
  }
  auto work = construction::Work::open(flags.work, flags.asked ? store::Access::write : store::Access::read);
  if (!work) return report(work.error());
  const auto counts = split_or_count(flags, *work);
  if (!counts) return report(counts.error());
  if (flags.asked) {
    for (const std::string& far : construction::far_from(*counts, flags.settings.bench))
      warn(fmt::format("not shared out as asked, since copies stay together: {}", far));
  }
  if (counts->none > 0) {
    warn(fmt::format("{} pairs are of pictures that came after the split: split again before an export",
                     counts->none));
  }
  nlohmann::ordered_json json = construction::to_json(*counts);
  bool found = false;
  if (flags.verify) {
    TerminalProgress progress("data split", "pictures");
    const auto leaks = construction::verify_split(*work, &progress, context.stop());
    if (!leaks) return report(leaks.error());
    json["both_sides"] = show_leaks(*leaks);
    found = !leaks->empty();
  }
  if (flags.json) {
    fmt::print("{}", json_line(json));
  } else {
    show_counts(*counts);
    if (flags.verify && !found) fmt::print("no picture is on both sides\n");
  }
  return found ? exit_found : exit_ok;
}

}  // namespace

void add_data_split(CLI::App& data) {
  auto flags = std::make_shared<SplitFlags>();
  CLI::App* command =
      declare(data, "split", "Share a build's pairs out for training and benchmarking, copies together",
              {"holisafe data split work --bench 0.27 --seed 1", "holisafe data split work --verify"});
  command->add_option("WORK", flags->work, "Folder of a build")->type_name(folder_type)->required();
  auto* bench =
      command
          ->add_option(
              "--bench", flags->settings.bench,
              "Share of the pairs for benchmarking, above 0 and below 1; may be left out with --verify")
          ->default_str("");
  command->add_option("--seed", flags->settings.seed, "The same seed gives the same split")->needs(bench);
  command->add_flag(
      "--verify", flags->verify,
      "Decode all pictures again and search every pair across the sides; exit code 1 if one is on both");
  command->add_flag("--json", flags->json, "One JSON object");
  on_run(command, [flags, bench](Context& context) {
    flags->asked = bench->count() > 0;
    return split_work(*flags, context);
  });
}

}  // namespace holisafe::cli
