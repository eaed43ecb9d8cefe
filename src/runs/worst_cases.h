// The images about which a run's guard was most wrong.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "benchmarks/item.h"
#include "metrics/figures.h"
#include "metrics/marks.h"
#include "store/run_store.h"

namespace holisafe::runs {

struct WorstCase {
  enum class Kind {
    missed,       ///< unsafe, and not flagged
    false_alarm,  ///< safe, and flagged
    wrong_class,  ///< unsafe and flagged, but another class is the most probable one
  };
  Kind kind = Kind::missed;
  std::int64_t position = 0;  ///< of its first row
  std::string image;          ///< as the row names it
  std::size_t label = 0;
  std::size_t harm = 0;    ///< the most probable of the guard's harms
  double probability = 0;  ///< of that harm
  bool flagged = false;
  std::string query;
  std::string answer;
  std::string marked;  ///< the answer's label under the first judge; empty: none
};

/// Of each kind at most so many are kept, the worst.
inline constexpr std::size_t most_worst_cases = 12;

/// Sees rows with one image, whose guard was asked about that image; each image counts once, by its first
/// row. Memory: the names of the images.
class WorstCases {
 public:
  WorstCases(const metrics::Figures& figures, double threshold) : figures_(&figures), threshold_(threshold) {}

  void add(const store::Row& row, const benchmarks::Item& item, const metrics::MarkNumber& mark);
  /// Kind by kind, the worst first.
  [[nodiscard]] std::vector<WorstCase> take();

 private:
  struct Ranked {
    double badness = 0;
    WorstCase worst;
  };
  void keep(double badness, WorstCase worst);

  const metrics::Figures* figures_;
  double threshold_;
  std::set<std::string> images_;
  std::array<std::vector<Ranked>, 3> kept_;  ///< by kind, the worst first
};

}  // namespace holisafe::runs
