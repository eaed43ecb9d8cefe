// Which side each cluster goes to: iterative stratification (Sechidis, Tsoumakas and Vlahavas, "On the
// stratification of multi-label data", 2011) over two sides, and moves that take out what it left. Plain
// numbers: knows no picture and no class.
//
//   const std::vector<bool> bench = share_out(clusters, group_of_cell, 0.2, seed);
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace holisafe::construction {

/// So many pairs of one cell; a cell is a subcategory in a combination.
struct CellPairs {
  std::uint32_t cell = 0;
  std::uint32_t pairs = 0;
};

/// What the clusters hold, each cell of a cluster once.
class ClusterCells {
 public:
  /// Appends a cluster, which may hold nothing.
  void add(std::span<const CellPairs> cells);

  [[nodiscard]] std::size_t size() const { return ends_.size(); }
  [[nodiscard]] std::span<const CellPairs> operator[](std::size_t cluster) const {
    const std::size_t begin = cluster == 0 ? 0 : ends_[cluster - 1];
    return {cells_.data() + begin, ends_[cluster] - begin};
  }

 private:
  std::vector<std::size_t> ends_;
  std::vector<CellPairs> cells_;
};

/// How far a share may be off: so much of the whole, and so many pairs more.
struct Tolerance {
  double share = 0;
  double pairs = 0;
};
inline constexpr Tolerance cell_tolerance{0.04, 1};
/// Of a group of cells, and of all.
inline constexpr Tolerance group_tolerance{0.02, 0};

/// For each cluster, whether it is on the smaller side that gets the share `bench` (above 0, below 1) of
/// every cell, every group of cells and all pairs, as far as clusters stay whole. `group_of_cell`: of every
/// cell that `clusters` name. Clusters without pairs are shared out by number. The same arguments give the
/// same sides. Takes time in proportion to the cells of all clusters.
std::vector<bool> share_out(const ClusterCells& clusters, std::span<const std::uint32_t> group_of_cell,
                            double bench, std::uint64_t seed);

}  // namespace holisafe::construction
