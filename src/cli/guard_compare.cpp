// `holisafe guard compare`: two guard runs, picture by picture.
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json_line.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/text_table.h"
#include "cli/type_names.h"
#include "moderation/compare.h"
#include "moderation/compare_page.h"
#include "verdicts/verdict_json.h"

namespace holisafe::cli {
namespace {

struct GuardCompareFlags {
  std::string first, second, html;
  bool json = false;
};

std::string words(const moderation::Standing& standing) {
  return fmt::format("{} {:.1f}%", taxonomy::classes()[standing.counted].name, 100 * standing.unsafe);
}

/// The cells off the diagonal that are not empty, the largest first.
std::vector<TableLine> class_changes(const moderation::VerdictComparison& found) {
  struct Cell {
    std::uint64_t count;
    std::size_t from, to;
  };
  std::vector<Cell> cells;
  for (std::size_t i = 0; i < found.classes.size(); ++i) {
    for (std::size_t k = 0; k < found.classes[i].size(); ++k) {
      if (i != k && found.classes[i][k] > 0) cells.push_back({found.classes[i][k], i, k});
    }
  }
  std::stable_sort(cells.begin(), cells.end(),
                   [](const Cell& a, const Cell& b) { return a.count > b.count; });
  constexpr std::size_t shown = 15;
  std::vector<TableLine> lines{{"first", "second", "pictures"}};
  for (const Cell& cell : cells) {
    if (lines.size() > shown) {
      lines.push_back({fmt::format("… {} more pairs (--json has all)", cells.size() - shown)});
      break;
    }
    lines.push_back({std::string(taxonomy::classes()[cell.from].name),
                     std::string(taxonomy::classes()[cell.to].name), fmt::format("{}", cell.count)});
  }
  return lines;
}

void print(const moderation::VerdictComparison& found, const GuardCompareFlags& flags) {
  fmt::print("first: {}\nsecond: {}\n{} pictures in both, {} only in the first, {} only in the second\n\n",
             one_line(flags.first), one_line(flags.second), found.pictures(), found.only_in_first,
             found.only_in_second);
  fmt::print("flagged in both {}, in the first alone {}, in the second alone {}, in none {}\n", found.both,
             found.first, found.second, found.neither);
  fmt::print("p (McNemar) {:.3g}\n", found.test.p_value);
  if (found.changed.empty()) return;
  fmt::print("\n{} pictures count as another class:\n{}", found.changed.size(),
             text_table(class_changes(found)));
  constexpr std::size_t shown = 10;
  fmt::print("\nThe largest changes of the probability of not being safe:\n");
  for (std::size_t i = 0; i < std::min(shown, found.changed.size()); ++i) {
    const auto& picture = found.changed[i];
    fmt::print("  {}: {}, then {}\n", one_line(verdicts::readable(picture.path)), words(picture.first),
               words(picture.second));
  }
  if (found.changed.size() > shown) fmt::print("  … (--json lists all)\n");
}

moderation::RunNames names_of(const GuardCompareFlags& flags) {
  const auto name = [](const std::string& run) {
    const auto path = std::filesystem::path(run).lexically_normal();
    return (path.has_filename() ? path : path.parent_path()).filename().string();
  };
  moderation::RunNames names{name(flags.first), name(flags.second)};
  if (names.first == names.second) names = {flags.first, flags.second};
  return names;
}

Result<void> compare(const GuardCompareFlags& flags) {
  using verdicts::GuardStore;
  HOLISAFE_TRY(const auto first, GuardStore::open(flags.first, store::Access::read));
  HOLISAFE_TRY(const auto second, GuardStore::open(flags.second, store::Access::read));
  HOLISAFE_TRY(const auto found, moderation::compare_verdicts(first, second));
  if (flags.json) {
    fmt::print("{}", json_line(moderation::to_json(found)));
  } else {
    print(found, flags);
  }
  if (flags.html.empty()) return {};
  moderation::PageOptions options;
  options.version = HOLISAFE_VERSION;
  HOLISAFE_TRY(const auto page, moderation::compare_page(first, second, names_of(flags), found, options));
  return write_named_file(flags.html, page);
}

}  // namespace

void add_guard_compare(CLI::App& guard) {
  auto flags = std::make_shared<GuardCompareFlags>();
  CLI::App* command =
      declare(guard, "compare", "Two guard runs over the same pictures, which are told by their content",
              {"holisafe guard compare runs/old-guard runs/new-guard",
               "holisafe guard compare runs/old-guard runs/new-guard --json --html changed.html"});
  command->add_option("RUN_A", flags->first, "Folder of the first run")->type_name(folder_type)->required();
  command->add_option("RUN_B", flags->second, "Folder of the second run")->type_name(folder_type)->required();
  command->add_flag("--json", flags->json, "One JSON object, with every picture that changed");
  command->add_option("--html", flags->html, "Write a page with the pictures that changed most to this file");
  on_run(command, [flags] {
    const auto done = compare(*flags);
    return done ? exit_ok : report(done.error());
  });
}

}  // namespace holisafe::cli
