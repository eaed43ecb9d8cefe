// `holisafe guard sort`: a guard run's pictures into folders, and back.
#include <memory>
#include <string>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/terminal.h"
#include "cli/text_table.h"
#include "cli/type_names.h"
#include "moderation/sort.h"

namespace holisafe::cli {
namespace {

struct SortFlags {
  std::string run, undo;
  moderation::SortOptions options;
  std::string by;
  bool copy = false, link = false, move = false;
  bool dry_run = false;
};

std::string message(const Error& error) { return error.message(); }

int code_of(std::uint64_t problems) { return problems > 0 ? exit_error : exit_ok; }

Result<int> undo(const SortFlags& flags, Context& context) {
  const auto on_stay = [](const Error& error) { warn(message(error)); };
  HOLISAFE_TRY(const auto counts, moderation::undo_sort(flags.undo, on_stay, context.stop()));
  fmt::print("{} moved back, {} links and copies removed, {} left as they are\n", counts.moved_back,
             counts.removed, counts.problems);
  return code_of(counts.problems);
}

void print(const moderation::SortCounts& counts) {
  std::vector<TableLine> lines{{"folder", "pictures"}};
  for (const auto& [folder, number] : counts.folders) lines.push_back({folder, fmt::format("{}", number)});
  fmt::print("{}", text_table(lines));
  say(fmt::format("holisafe: {} sorted, {} before, {} not judged, {} gone, {} left where they are\n",
                  counts.placed(), counts.before, counts.unjudged, counts.gone, counts.problems));
}

Result<int> sort(const SortFlags& flags, Context& context) {
  HOLISAFE_TRY(const auto store, verdicts::GuardStore::open(flags.run, store::Access::read));
  const auto on_stay = [](const Error& error) { warn(message(error)); };
  if (flags.dry_run) {
    const auto on_plan = [](const std::string& from, const std::string& to) {
      fmt::print("{} -> {}\n", one_line(from), one_line(to));
    };
    HOLISAFE_TRY(const auto counts, moderation::plan_sort(store, flags.options, on_stay, on_plan));
    print(counts);
    return code_of(counts.problems);
  }
  TerminalProgress progress("guard sort", "pictures");
  HOLISAFE_TRY(const auto counts,
               moderation::sort_run(store, flags.options, on_stay, &progress, context.stop()));
  print(counts);
  return code_of(counts.problems);
}

Result<int> run(SortFlags& flags, Context& context) {
  using moderation::Placing;
  using moderation::SortBy;
  if (!flags.undo.empty()) return undo(flags, context);
  for (const auto& [given, name] : {std::pair(&flags.run, "RUN"), std::pair(&flags.by, "--by")}) {
    if (given->empty())
      return fail(ErrorKind::usage, "bad command line", "", fmt::format("{} is required", name));
  }
  if (flags.options.to.empty()) return fail(ErrorKind::usage, "bad command line", "", "--to is required");
  for (const SortBy by : {SortBy::category, SortBy::subcategory, SortBy::decision}) {
    if (flags.by == moderation::name(by)) flags.options.by = by;
  }
  flags.options.how = flags.move ? Placing::move : flags.copy ? Placing::copy : Placing::link;
  return sort(flags, context);
}

void add_flags(CLI::App* command, SortFlags& flags) {
  command->add_option("RUN", flags.run, "Folder of a guard run")->type_name(folder_type);
  command
      ->add_option("--to", flags.options.to,
                   "Folder that gets the others; moves.jsonl in it says what was done")
      ->type_name(folder_type);
  command->add_option("--by", flags.by, "What the folders are: harms, or flagged and not_flagged")
      ->check(CLI::IsMember({"category", "subcategory", "decision"}))
      ->type_name("category|subcategory|decision");
  command->add_flag("--flagged", flags.options.flagged_only, "Flagged pictures alone");
  auto* copy = command->add_flag("--copy", flags.copy, "Copy the pictures");
  auto* link = command->add_flag("--link", flags.link, "Make symbolic links to them (default)");
  auto* move = command->add_flag("--move", flags.move, "Move them");
  copy->excludes(link)->excludes(move);
  link->excludes(move);
  command->add_flag("--dry-run", flags.dry_run, "Print what would be done, and do nothing");
  command->add_option("--undo", flags.undo, "Take back what was sorted into this folder")
      ->type_name("DIR")
      ->excludes(command->get_option("RUN"))
      ->excludes(command->get_option("--to"))
      ->excludes(command->get_option("--by"));
}

}  // namespace

void add_guard_sort(CLI::App& guard) {
  auto flags = std::make_shared<SortFlags>();
  CLI::App* command = declare(
      guard, "sort",
      "Put a guard run's pictures into folders; nothing is overwritten, the same command goes on after a "
      "kill",
      {"holisafe guard sort runs/uploads --to review --by category --flagged",
       "holisafe guard sort runs/uploads --to review --by decision --move",
       "holisafe guard sort --undo review"});
  add_flags(command, *flags);
  on_run(command, [flags](Context& context) {
    const auto code = run(*flags, context);
    return code ? *code : report(code.error());
  });
}

}  // namespace holisafe::cli
