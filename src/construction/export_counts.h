// What an export holds, in numbers: counted before anything is written.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "construction/exported.h"

namespace holisafe::construction {

/// How often each of some names stands. So many different ones are told apart; further ones count together.
class Tally {
 public:
  static constexpr std::size_t most_names = 100;

  void add(const std::string& name);
  /// By number, the most first, then by name.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> entries() const;
  [[nodiscard]] std::uint64_t others() const { return others_; }
  [[nodiscard]] bool empty() const { return counts_.empty(); }

 private:
  std::map<std::string, std::uint64_t, std::less<>> counts_;
  std::uint64_t others_ = 0;
};

struct SideCounts {
  std::uint64_t pairs = 0;
  std::uint64_t images = 0;
  std::array<std::uint64_t, pair_cell_count> cells{};  ///< pairs by cell_of()
};

struct ExportCounts {
  SideCounts train, bench;
  std::uint64_t without_side = 0;
  std::uint64_t accepted = 0;  ///< by a person, as they stood
  std::uint64_t edited = 0;
  std::uint64_t unchecked = 0;
  std::uint64_t own_checker = 0;  ///< checked by the model that wrote them
  std::uint64_t without_license = 0;
  Tally writers, checkers, reviewers;
  Tally licenses;  ///< of pairs, by their picture's; "unknown" where it has none
  std::vector<std::pair<std::string_view, std::uint64_t>> left_out;  ///< reason, pairs

  [[nodiscard]] std::uint64_t pairs() const { return train.pairs + bench.pairs; }
  [[nodiscard]] std::uint64_t images() const { return train.images + bench.images; }
};

struct ExportSelection {
  bool reviewed_only = false;
  bool require_license = false;
};

/// Errors: missing (nothing goes out; a side; a license where one is required, with the picture), malformed
/// (an image's number), interrupted, those of Work.
Result<ExportCounts> count_export(const Work& work, const ExportSelection& selection, const StopFlag& stop);

}  // namespace holisafe::construction
