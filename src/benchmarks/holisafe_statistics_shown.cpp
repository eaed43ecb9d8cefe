// HoliSafe's counts as JSON and as tables.
#include <nlohmann/json.hpp>
#include <numeric>

#include <fmt/format.h>

#include "benchmarks/holisafe.h"
#include "benchmarks/holisafe_statistics.h"

namespace holisafe::benchmarks {
namespace {

using nlohmann::ordered_json;
using TypeCounts = HoliSafeCounts::TypeCounts;
using Table = std::vector<std::vector<std::string>>;

std::uint64_t sum(const TypeCounts& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

TypeCounts of_category(const HoliSafeCounts& counts, std::string_view category) {
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

ordered_json spread_json(const Spread& spread, const char* things) {
  return {{things, spread.things}, {"min", spread.least}, {"mean", spread.mean}, {"max", spread.most}};
}

ordered_json folders_json(const HoliSafeCounts& counts) {
  ordered_json out;
  for (std::size_t i = 0; i < counts.folders.size(); ++i)
    out[std::string(name(static_cast<FolderAgreement>(i)))] = counts.folders[i];
  out["images"] = ordered_json::array();
  for (const auto& [key, images] : counts.labels_by_folder) {
    out["images"].push_back(
        {{"label", taxonomy::classes()[key.first].name}, {"folder", key.second}, {"images", images}});
  }
  return out;
}

ordered_json to_json(const HoliSafeCounts& counts) {
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

void add_counts(Table& lines, const std::string& title, const TypeCounts& counts) {
  std::vector<std::string> line = {title, fmt::format("{}", sum(counts))};
  for (const auto count : counts) line.push_back(fmt::format("{}", count));
  lines.push_back(std::move(line));
}

Table pairs_table(const HoliSafeCounts& counts) {
  Table lines = {{"category / subcategory", "pairs", "SSS", "SSU", "USU", "SUU", "UUU"}};
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
  return lines;
}

Table images_table(const HoliSafeCounts& counts) {
  Table lines = {{"image label, folder", "images"}};
  for (const auto& [key, images] : counts.labels_by_folder) {
    lines.push_back({fmt::format("{}, {}", taxonomy::classes()[key.first].name,
                                 key.second.empty() ? "(none)" : one_line(key.second)),
                     fmt::format("{}", images)});
  }
  return lines;
}

std::vector<Statistics::Block> to_blocks(const HoliSafeCounts& counts) {
  const auto spread = [](const Spread& each) {
    return fmt::format("{} to {}, mean {:.2f}", each.least, each.most, each.mean);
  };
  std::string head = fmt::format("{} pairs, {} images, {} queries\n", counts.pairs, counts.images,
                                 counts.images_per_query.things);
  std::string foot = fmt::format(
      "label against folder: {} same, {} safe in a harm's folder, {} of another class, {} without one\n",
      counts.folders[0], counts.folders[1], counts.folders[2], counts.folders[3]);
  foot += fmt::format("images labelled differently by their rows: {}\n", counts.relabelled_images);
  foot += fmt::format("pairs per image: {}\n", spread(counts.pairs_per_image));
  foot += fmt::format("images per query: {}\n", spread(counts.images_per_query));
  return {{std::move(head), pairs_table(counts)}, {"", images_table(counts)}, {std::move(foot), {}}};
}

}  // namespace

Result<Statistics> holisafe_statistics(const DataPlace& data) {
  HoliSafeCounter counter;
  HOLISAFE_TRY(auto contents, read_rows(holisafe_format, data, [&](const Item& item) { counter.add(item); }));
  const auto counts = counter.counts();
  return Statistics{to_blocks(counts),
                    to_json(counts).dump(-1, ' ', false, ordered_json::error_handler_t::replace),
                    std::move(contents)};
}

}  // namespace holisafe::benchmarks
