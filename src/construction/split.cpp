#include "construction/split.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include <fmt/format.h>

#include "base/hash.h"
#include "construction/exported.h"
#include "construction/share_out.h"

namespace holisafe::construction {
namespace {

using taxonomy::combination_count;

/// What is needed of an image to place its pairs.
struct Placed {
  std::int64_t cluster = -1;
  ImageState state = ImageState::undecodable;
  std::optional<std::size_t> label;
  Side side = Side::none;
};

/// By id.
Result<std::vector<Placed>> read_images(const Work& work) {
  std::vector<Placed> out;
  HOLISAFE_CHECK(work.for_each_image([&](const ImageRow& image) -> Result<void> {
    if (image.id < 0 || static_cast<std::size_t>(image.id) != out.size()) {
      return fail(ErrorKind::malformed, "cannot read images", work.folder().string(),
                  fmt::format("expected image {}, found {}", out.size(), image.id));
    }
    out.push_back({image.cluster, image.state, image.label, image.side});
    return {};
  }));
  return out;
}

/// Calls `visit` with every pair that goes out and its image.
Result<void> each_exported(const Work& work, const std::vector<Placed>& images,
                           const std::function<Result<void>(const PairRow&, const Placed&)>& visit) {
  return work.for_each_pair({}, [&](const PairRow& pair) -> Result<void> {
    const bool has_image = pair.image_id >= 0 && static_cast<std::size_t>(pair.image_id) < images.size();
    if (!has_image || pair.subcategory >= taxonomy::class_count) {
      return fail(ErrorKind::malformed, "cannot read pairs", work.folder().string(),
                  has_image ? fmt::format("pair {}: there is no subcategory {}", pair.id, pair.subcategory)
                            : fmt::format("pair {}: there is no image {}", pair.id, pair.image_id));
    }
    const Placed& image = images[static_cast<std::size_t>(pair.image_id)];
    if (!is_chosen(pair, false) || !why_left_out(pair, image.state, image.label).empty()) return {};
    return visit(pair, image);
  });
}

/// Text that stands on one side or both; by hash, since texts are long.
class Instructions {
 public:
  void add(std::string_view text, Side side) {
    std::uint64_t key = 0;
    const Digest digest = sha256(text);
    for (std::size_t i = 0; i < sizeof key; ++i) key = key << 8U | std::to_integer<std::uint64_t>(digest[i]);
    std::uint8_t& seen = seen_[key];
    const auto bit = static_cast<std::uint8_t>(side == Side::train ? 1 : 2);
    if (seen != 0 && (seen & bit) == 0 && seen != 3) ++shared_;
    seen = static_cast<std::uint8_t>(seen | bit);
  }
  [[nodiscard]] std::uint64_t shared() const { return shared_; }

 private:
  std::unordered_map<std::uint64_t, std::uint8_t> seen_;
  std::uint64_t shared_ = 0;
};

Result<SplitCounts> count(const Work& work, const std::vector<Placed>& images) {
  SplitCounts out;
  std::vector<std::int64_t> clusters;
  for (const Placed& image : images) {
    if (image.side != Side::none) clusters.push_back(image.cluster);
  }
  std::sort(clusters.begin(), clusters.end());
  out.clusters = static_cast<std::uint64_t>(std::unique(clusters.begin(), clusters.end()) - clusters.begin());
  std::vector<CellSides> cells(pair_cell_count);
  Instructions instructions;
  HOLISAFE_CHECK(each_exported(work, images, [&](const PairRow& pair, const Placed& image) -> Result<void> {
    if (image.side == Side::none) {
      ++out.none;
      return {};
    }
    CellSides& cell = cells[cell_of(pair.subcategory, pair.type)];
    ++(image.side == Side::bench ? cell.bench : cell.train);
    ++(image.side == Side::bench ? out.bench : out.train);
    instructions.add(pair.instruction, image.side);
    return {};
  }));
  for (std::size_t i = 0; i < cells.size(); ++i) {
    cells[i].subcategory = i / combination_count;
    cells[i].type = static_cast<taxonomy::Combination>(i % combination_count);
    if (cells[i].train + cells[i].bench > 0) out.cells.push_back(cells[i]);
  }
  out.shared_instructions = instructions.shared();
  return out;
}

/// Clusters in the order of their first image, and what each holds.
struct Clusters {
  std::vector<std::int64_t> ids;
  ClusterCells cells;
  std::uint64_t pairs = 0;
};

Result<Clusters> read_clusters(const Work& work, const std::vector<Placed>& images) {
  Clusters out;
  std::unordered_map<std::int64_t, std::size_t> number;
  for (const Placed& image : images) {
    if (image.cluster < 0 || image.state == ImageState::quarantined) continue;
    if (number.emplace(image.cluster, out.ids.size()).second) out.ids.push_back(image.cluster);
  }
  struct InCluster {
    std::size_t cluster;
    std::uint32_t cell;
  };
  std::vector<InCluster> pairs;
  HOLISAFE_CHECK(each_exported(work, images, [&](const PairRow& pair, const Placed& image) -> Result<void> {
    const auto place = number.find(image.cluster);
    if (place == number.end()) {
      return fail(ErrorKind::malformed, "cannot split", work.folder().string(),
                  fmt::format("image {} is in no cluster", pair.image_id));
    }
    pairs.push_back({place->second, static_cast<std::uint32_t>(cell_of(pair.subcategory, pair.type))});
    return {};
  }));
  std::sort(pairs.begin(), pairs.end(), [](const InCluster& a, const InCluster& b) {
    return std::pair(a.cluster, a.cell) < std::pair(b.cluster, b.cell);
  });
  out.pairs = pairs.size();
  std::vector<CellPairs> cells;
  auto at = pairs.begin();
  for (std::size_t i = 0; i < out.ids.size(); ++i) {
    cells.clear();
    for (; at != pairs.end() && at->cluster == i; ++at) {
      if (cells.empty() || cells.back().cell != at->cell) cells.push_back({at->cell, 0});
      ++cells.back().pairs;
    }
    out.cells.add(cells);
  }
  return out;
}

using Sides = std::vector<std::pair<std::int64_t, Side>>;

Result<void> write_split(Work& work, const Sides& sides, const SplitSettings& settings) {
  return work.together([&]() -> Result<void> {
    HOLISAFE_CHECK(work.write_sides(sides));
    HOLISAFE_CHECK(work.put_value(split_share_key, fmt::format("{}", settings.bench)));
    return work.put_value(split_seed_key, fmt::format("{}", settings.seed));
  });
}

std::string percent(double share) { return fmt::format("{:.1f}%", 100 * share); }

}  // namespace

double SplitCounts::bench_share() const {
  return train + bench == 0 ? 0 : static_cast<double>(bench) / static_cast<double>(train + bench);
}

Result<SplitCounts> split(Work& work, const SplitSettings& settings) {
  if (!(settings.bench > 0 && settings.bench < 1)) {
    return fail(ErrorKind::out_of_range, "cannot split", "--bench",
                fmt::format("expected a share above 0 and below 1, found {}", settings.bench));
  }
  HOLISAFE_TRY(std::vector<Placed> images, read_images(work));
  HOLISAFE_TRY(const Clusters clusters, read_clusters(work, images));
  if (clusters.pairs == 0) {
    return fail(ErrorKind::missing, "cannot split", work.folder().string(),
                "expected pairs that are ready and not rejected, found none");
  }
  std::vector<std::uint32_t> group_of_cell(pair_cell_count);
  for (std::size_t i = 0; i < pair_cell_count; ++i)
    group_of_cell[i] = static_cast<std::uint32_t>(i % combination_count);
  const std::vector<bool> bench = share_out(clusters.cells, group_of_cell, settings.bench, settings.seed);

  Sides sides;
  std::unordered_map<std::int64_t, Side> side_of;
  for (std::size_t i = 0; i < bench.size(); ++i) {
    sides.emplace_back(clusters.ids[i], bench[i] ? Side::bench : Side::train);
    side_of.insert(sides.back());
  }
  HOLISAFE_CHECK(write_split(work, sides, settings));
  for (Placed& image : images) {
    const auto place = side_of.find(image.cluster);
    image.side = place == side_of.end() ? Side::none : place->second;
  }
  return count(work, images);
}

Result<SplitCounts> count_sides(const Work& work) {
  HOLISAFE_TRY(const std::vector<Placed> images, read_images(work));
  if (std::all_of(images.begin(), images.end(),
                  [](const Placed& image) { return image.side == Side::none; })) {
    return fail(ErrorKind::missing, "no split", work.folder().string(),
                "expected sides from `holisafe data split`, found none");
  }
  return count(work, images);
}

std::vector<std::string> far_from(const SplitCounts& counts, double bench) {
  constexpr std::uint64_t counted_from = 30;
  std::vector<std::string> out;
  const auto check = [&](const std::string& what, std::uint64_t train, std::uint64_t in_bench,
                         Tolerance tolerance) {
    const auto pairs = static_cast<double>(train + in_bench);
    const double off = std::abs(static_cast<double>(in_bench) - bench * pairs);
    if (off <= tolerance.share * pairs + tolerance.pairs + 1e-9) return;
    out.push_back(fmt::format("{}: {} of its {} pairs are on the bench's side, asked for was {}", what,
                              in_bench, train + in_bench, percent(bench)));
  };
  std::array<CellSides, combination_count> types{};
  for (const CellSides& cell : counts.cells) {
    CellSides& type = types[static_cast<std::size_t>(cell.type)];
    type.train += cell.train;
    type.bench += cell.bench;
    if (cell.train + cell.bench < counted_from) continue;
    check(fmt::format("{} {}", taxonomy::classes()[cell.subcategory].name, taxonomy::name(cell.type)),
          cell.train, cell.bench, cell_tolerance);
  }
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (types[i].train + types[i].bench < counted_from) continue;
    check(std::string(taxonomy::name(static_cast<taxonomy::Combination>(i))), types[i].train, types[i].bench,
          group_tolerance);
  }
  if (counts.train + counts.bench >= counted_from) check("all", counts.train, counts.bench, group_tolerance);
  return out;
}

nlohmann::ordered_json to_json(const SplitCounts& counts) {
  nlohmann::ordered_json cells = nlohmann::ordered_json::object();
  for (const CellSides& cell : counts.cells) {
    cells[fmt::format("{} {}", taxonomy::classes()[cell.subcategory].name, taxonomy::name(cell.type))] = {
        {"train", cell.train}, {"bench", cell.bench}};
  }
  nlohmann::ordered_json out;
  out["train"] = counts.train;
  out["bench"] = counts.bench;
  out["clusters"] = counts.clusters;
  out["cells"] = std::move(cells);
  out["shared_instructions"] = counts.shared_instructions;
  return out;
}

}  // namespace holisafe::construction
