#include "construction/share_out.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/random.h"

namespace holisafe::construction {
namespace {

enum class Place : std::uint8_t { none, train, bench };

/// A sum that should be shared out: a cell, a group of cells, all.
struct Quota {
  double total = 0;
  double off = 0;      ///< pairs on the bench's side, less those that should be there
  double allowed = 1;  ///< so far off is as bad as another quota that is off as far as it may be

  void set(double pairs, double bench, Tolerance tolerance) {
    total = pairs;
    off = -bench * pairs;
    // Half a pair: nothing can come nearer, however small the quota is.
    allowed = std::max(tolerance.share * pairs + tolerance.pairs, 0.5);
  }
  [[nodiscard]] double cost(double more = 0) const {
    const double far = (off + more) / allowed;
    // Of two that are off, the one that is further off counts most: bounds hold for each.
    return far * far * (1 + far * far);
  }
};

class Sharing {
 public:
  Sharing(const ClusterCells& clusters, std::span<const std::uint32_t> group_of_cell, double bench,
          std::uint64_t seed)
      : clusters_(clusters),
        group_of_cell_(group_of_cell),
        bench_(bench),
        random_(seed),
        places_(clusters.size(), Place::none),
        order_(clusters.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    for (std::size_t left = order_.size(); left > 1; --left)
      std::swap(order_[left - 1], order_[scale(static_cast<std::uint32_t>(random_.next() >> 32U), left)]);
    set_quotas();
  }

  std::vector<bool> run() {
    stratify();
    place_empty_ones();
    constexpr int most_passes = 30;
    for (int pass = 0; pass < most_passes && move_single_ones(); ++pass) {
    }
    if (!near_enough()) exchange_pairs();
    std::vector<bool> out(places_.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = places_[i] == Place::bench;
    return out;
  }

 private:
  void set_quotas() {
    const std::size_t groups =
        group_of_cell_.empty() ? 0 : *std::max_element(group_of_cell_.begin(), group_of_cell_.end()) + 1;
    std::vector<double> in_cell(group_of_cell_.size(), 0);
    std::vector<double> in_group(groups, 0);
    double in_all = 0;
    for (std::size_t i = 0; i < clusters_.size(); ++i) {
      for (const CellPairs& each : clusters_[i]) {
        in_cell[each.cell] += each.pairs;
        in_group[group_of_cell_[each.cell]] += each.pairs;
        in_all += each.pairs;
      }
    }
    cells_.resize(in_cell.size());
    groups_.resize(groups);
    for (std::size_t i = 0; i < cells_.size(); ++i) cells_[i].set(in_cell[i], bench_, cell_tolerance);
    for (std::size_t i = 0; i < groups; ++i) groups_[i].set(in_group[i], bench_, group_tolerance);
    all_.set(in_all, bench_, group_tolerance);
  }

  /// The published algorithm: of the cell with the fewest pairs left, every cluster goes where more of that
  /// cell is wanted; on a tie, where more of all is. Wanted in proportion to what the side should have, not
  /// in pairs: else all large clusters, which come first, would go to the larger side.
  void stratify() {
    std::vector<std::vector<std::size_t>> with_cell(cells_.size());
    for (const std::size_t cluster : order_) {
      for (const CellPairs& each : clusters_[cluster]) with_cell[each.cell].push_back(cluster);
    }
    std::vector<double> left(cells_.size());
    for (std::size_t i = 0; i < left.size(); ++i) left[i] = cells_[i].total;
    wanted_in_train_.resize(cells_.size());
    for (std::size_t i = 0; i < cells_.size(); ++i) wanted_in_train_[i] = (1 - bench_) * cells_[i].total;
    all_wanted_in_train_ = (1 - bench_) * all_.total;
    while (true) {
      std::size_t rarest = left.size();
      for (std::size_t i = 0; i < left.size(); ++i) {
        if (left[i] > 0 && (rarest == left.size() || left[i] < left[rarest])) rarest = i;
      }
      if (rarest == left.size()) return;
      place_all(with_cell[rarest], rarest, left);
    }
  }

  void place_all(std::vector<std::size_t>& clusters, std::size_t cell, std::vector<double>& left) {
    const auto pairs_of = [&](std::size_t cluster) {
      std::uint64_t sum = 0;
      for (const CellPairs& each : clusters_[cluster]) sum += each.pairs;
      return sum;
    };
    std::erase_if(clusters, [&](std::size_t cluster) { return places_[cluster] != Place::none; });
    // Large ones first: what they leave uneven, small ones make even.
    std::stable_sort(clusters.begin(), clusters.end(),
                     [&](std::size_t a, std::size_t b) { return pairs_of(a) > pairs_of(b); });
    for (const std::size_t cluster : clusters) {
      const double more = more_in_bench(-cells_[cell].off, wanted_in_train_[cell]);
      const bool bench = more != 0 ? more > 0 : more_in_bench(-all_.off, all_wanted_in_train_) > 0;
      for (const CellPairs& each : clusters_[cluster]) {
        left[each.cell] -= each.pairs;
        if (!bench) {
          wanted_in_train_[each.cell] -= each.pairs;
          all_wanted_in_train_ -= each.pairs;
        }
      }
      places_[cluster] = bench ? Place::bench : Place::train;
      if (bench) apply(cluster, 1);
    }
  }

  [[nodiscard]] double more_in_bench(double wanted_in_bench, double wanted_in_train) const {
    return wanted_in_bench * (1 - bench_) - wanted_in_train * bench_;
  }

  void place_empty_ones() {
    std::vector<std::size_t> empty;
    for (const std::size_t cluster : order_) {
      if (places_[cluster] == Place::none) empty.push_back(cluster);
    }
    const auto in_bench = static_cast<std::size_t>(std::lround(bench_ * static_cast<double>(empty.size())));
    for (std::size_t i = 0; i < empty.size(); ++i)
      places_[empty[i]] = i < in_bench ? Place::bench : Place::train;
  }

  /// A cluster's pairs come to the bench's side (1) or leave it (-1).
  void apply(std::size_t cluster, double sign) {
    for (const CellPairs& each : clusters_[cluster]) {
      const double pairs = sign * each.pairs;
      cells_[each.cell].off += pairs;
      groups_[group_of_cell_[each.cell]].off += pairs;
      all_.off += pairs;
    }
  }

  /// What all quotas cost that a cluster has a part in.
  [[nodiscard]] double cost_of(std::size_t cluster) {
    double out = all_.cost();
    touched_.clear();
    for (const CellPairs& each : clusters_[cluster]) {
      out += cells_[each.cell].cost();
      touched_.push_back(group_of_cell_[each.cell]);
    }
    std::sort(touched_.begin(), touched_.end());
    touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
    for (const std::uint32_t group : touched_) out += groups_[group].cost();
    return out;
  }

  /// Moves a cluster to the other side; gives how much dearer that is.
  double move(std::size_t cluster) {
    const bool to_bench = places_[cluster] == Place::train;
    const double before = cost_of(cluster);
    apply(cluster, to_bench ? 1 : -1);
    places_[cluster] = to_bench ? Place::bench : Place::train;
    return cost_of(cluster) - before;
  }

  /// Rounding must not make a circle of moves.
  static constexpr double least_gain = 1e-9;

  bool move_single_ones() {
    bool moved = false;
    for (const std::size_t cluster : order_) {
      if (clusters_[cluster].empty()) continue;
      if (move(cluster) < -least_gain) {
        moved = true;
      } else {
        move(cluster);  // back
      }
    }
    return moved;
  }

  [[nodiscard]] bool near_enough() const {
    constexpr double near = 0.5;
    const auto is_near = [](const Quota& quota) {
      return quota.off * quota.off <= near * near * quota.allowed * quota.allowed;
    };
    return is_near(all_) && std::all_of(cells_.begin(), cells_.end(), is_near) &&
           std::all_of(groups_.begin(), groups_.end(), is_near);
  }

  /// Two clusters of different sides change places where that is better: what no single move could mend.
  void exchange_pairs() {
    std::vector<std::size_t> bench;
    std::vector<std::size_t> train;
    for (const std::size_t cluster : order_) {
      if (!clusters_[cluster].empty()) (places_[cluster] == Place::bench ? bench : train).push_back(cluster);
    }
    if (bench.empty() || train.empty()) return;
    constexpr std::size_t tries_a_cluster = 20;
    constexpr std::size_t most_tries = 2'000'000;
    constexpr std::size_t between_looks = 1000;
    const std::size_t tries = std::clamp(tries_a_cluster * order_.size(), std::size_t{20'000}, most_tries);
    for (std::size_t i = 0; i < tries; ++i) {
      if (i % between_looks == between_looks - 1 && near_enough()) return;
      std::size_t& a = bench[scale(static_cast<std::uint32_t>(random_.next() >> 32U), bench.size())];
      std::size_t& b = train[scale(static_cast<std::uint32_t>(random_.next() >> 32U), train.size())];
      if (move(a) + move(b) < -least_gain) {
        std::swap(a, b);
      } else {
        move(b);
        move(a);
      }
    }
  }

  const ClusterCells& clusters_;
  std::span<const std::uint32_t> group_of_cell_;
  double bench_;
  Random random_;
  std::vector<Place> places_;
  std::vector<std::size_t> order_;  ///< all clusters, drawn
  std::vector<Quota> cells_;
  std::vector<Quota> groups_;
  Quota all_;
  std::vector<double> wanted_in_train_;  ///< by cell
  double all_wanted_in_train_ = 0;
  std::vector<std::uint32_t> touched_;
};

}  // namespace

void ClusterCells::add(std::span<const CellPairs> cells) {
  cells_.insert(cells_.end(), cells.begin(), cells.end());
  ends_.push_back(cells_.size());
}

std::vector<bool> share_out(const ClusterCells& clusters, std::span<const std::uint32_t> group_of_cell,
                            double bench, std::uint64_t seed) {
  return Sharing(clusters, group_of_cell, bench, seed).run();
}

}  // namespace holisafe::construction
