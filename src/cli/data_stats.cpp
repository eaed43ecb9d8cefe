// `holisafe data stats`: what a benchmark holds, in counts.
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/program.h"
#include "cli/text_table.h"
#include "dataset/statistics.h"

namespace holisafe::cli {
namespace {

using dataset::BenchStatistics;
using nlohmann::ordered_json;
using TypeCounts = BenchStatistics::TypeCounts;

struct Flags {
  std::string folder;
  bool json = false;
};

std::uint64_t sum(const TypeCounts& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

TypeCounts of_category(const BenchStatistics& counts, std::string_view category) {
  TypeCounts out{};
  for (std::size_t i = 0; i < taxonomy::class_count; ++i) {
    if (taxonomy::classes()[i].category != category) continue;
    for (std::size_t type = 0; type < out.size(); ++type) out[type] += counts.subcategories[i][type];
  }
  return out;
}

ordered_json types_json(const TypeCounts& counts) {
  ordered_json out;
  for (std::size_t type = 0; type < counts.size(); ++type)
    out[std::string(taxonomy::name(static_cast<taxonomy::Combination>(type)))] = counts[type];
  return out;
}

ordered_json spread_json(const dataset::Spread& spread, const char* things) {
  return {{things, spread.things}, {"min", spread.least}, {"mean", spread.mean}, {"max", spread.most}};
}

ordered_json folders_json(const BenchStatistics& counts) {
  ordered_json out;
  for (std::size_t i = 0; i < counts.folders.size(); ++i)
    out[std::string(name(static_cast<dataset::FolderAgreement>(i)))] = counts.folders[i];
  out["images"] = ordered_json::array();
  for (const auto& [key, images] : counts.labels_by_folder) {
    out["images"].push_back(
        {{"label", taxonomy::classes()[key.first].name}, {"folder", key.second}, {"images", images}});
  }
  return out;
}

ordered_json to_json(const BenchStatistics& counts) {
  ordered_json out = {
      {"pairs", counts.pairs}, {"images", counts.images}, {"types", types_json(counts.types)}};
  ordered_json categories = ordered_json::object();
  ordered_json subcategories = ordered_json::object();
  for (std::size_t i = 0; i < taxonomy::class_count; ++i) {
    const auto& entry = taxonomy::classes()[i];
    if (const auto pairs = of_category(counts, entry.category); sum(pairs) > 0)
      categories[std::string(entry.category)] = {{"pairs", sum(pairs)}, {"types", types_json(pairs)}};
    if (sum(counts.subcategories[i]) == 0) continue;
    subcategories[std::string(entry.name)] = {{"category", entry.category},
                                              {"pairs", sum(counts.subcategories[i])},
                                              {"types", types_json(counts.subcategories[i])}};
  }
  out["categories"] = std::move(categories);
  out["subcategories"] = std::move(subcategories);
  out["unknown_subcategories"] = ordered_json(counts.unknown_subcategories);
  out["labels"] = ordered_json::object();
  for (std::size_t i = 0; i < taxonomy::class_count; ++i)
    out["labels"][std::string(taxonomy::classes()[i].name)] = counts.labels[i];
  out["relabelled_images"] = counts.relabelled_images;
  out["pairs_per_image"] = spread_json(counts.pairs_per_image, "images");
  out["images_per_query"] = spread_json(counts.images_per_query, "queries");
  out["label_against_folder"] = folders_json(counts);
  return out;
}

void add_counts(std::vector<TableLine>& lines, const std::string& title, const TypeCounts& counts) {
  TableLine line = {title, fmt::format("{}", sum(counts))};
  for (const auto count : counts) line.push_back(fmt::format("{}", count));
  lines.push_back(std::move(line));
}

std::string pairs_table(const BenchStatistics& counts) {
  std::vector<TableLine> lines = {{"category / subcategory", "pairs", "SSS", "SSU", "USU", "SUU", "UUU"}};
  std::string_view category;
  for (std::size_t i = 0; i < taxonomy::class_count; ++i) {
    const auto& entry = taxonomy::classes()[i];
    const auto of_all = of_category(counts, entry.category);
    if (sum(of_all) == 0) continue;
    if (category != entry.category) add_counts(lines, std::string(entry.category), of_all);
    category = entry.category;
    if (sum(counts.subcategories[i]) > 0)
      add_counts(lines, fmt::format("  {}", entry.name), counts.subcategories[i]);
  }
  for (const auto& [unknown, pairs] : counts.unknown_subcategories)
    lines.push_back({fmt::format("unknown: {}", one_line(unknown)), fmt::format("{}", pairs)});
  add_counts(lines, "all", counts.types);
  return text_table(lines);
}

std::string images_table(const BenchStatistics& counts) {
  std::vector<TableLine> lines = {{"image label, folder", "images"}};
  for (const auto& [key, images] : counts.labels_by_folder) {
    lines.push_back({fmt::format("{}, {}", taxonomy::classes()[key.first].name,
                                 key.second.empty() ? "(none)" : one_line(key.second)),
                     fmt::format("{}", images)});
  }
  return text_table(lines);
}

std::string to_text(const BenchStatistics& counts) {
  const auto spread = [](const dataset::Spread& each) {
    return fmt::format("{} to {}, mean {:.2f}", each.least, each.most, each.mean);
  };
  std::string out = fmt::format("{} pairs, {} images, {} queries\n\n", counts.pairs, counts.images,
                                counts.images_per_query.things);
  out += pairs_table(counts) + "\n" + images_table(counts) + "\n";
  out += fmt::format(
      "label against folder: {} same, {} safe in a harm's folder, {} of another class, {} without one\n",
      counts.folders[0], counts.folders[1], counts.folders[2], counts.folders[3]);
  out += fmt::format("images labelled differently by their rows: {}\n", counts.relabelled_images);
  out += fmt::format("pairs per image: {}\n", spread(counts.pairs_per_image));
  out += fmt::format("images per query: {}\n", spread(counts.images_per_query));
  return out;
}

int show(const Flags& flags) {
  const auto bench = dataset::read_bench(flags.folder);
  if (!bench) return report(bench.error());
  const auto counts = dataset::statistics(*bench);
  fmt::print("{}", flags.json
                       ? to_json(counts).dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n"
                       : to_text(counts));
  if (bench->problems.empty()) return exit_ok;
  return report({ErrorKind::unexpected, "rows are not counted", bench->file.name(),
                 fmt::format("expected {} sound rows, found {}; see `holisafe data check`", bench->rows,
                             bench->samples.size())});
}

}  // namespace

void add_data_stats(CLI::App& data) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = declare(
      data, "stats", "Count pairs and images of HoliSafe-Bench or data in its format; images are not opened",
      {"holisafe data stats HoliSafe-Bench", "holisafe data stats data --json | jq .types"});
  command->add_option("DIR", flags->folder, "Folder that holds holisafe_bench.json")->required();
  command->add_flag("--json", flags->json, "One JSON object");
  on_run(command, [flags] { return show(*flags); });
}

}  // namespace holisafe::cli
