// Which pairs go out of a build: those that are ready and nobody rejected, and those that a check or a filter
// held back and a person accepted or edited. What is split is the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "construction/work.h"

namespace holisafe::construction {

/// By what became of a pair and what was decided about it; `reviewed_only`: only what a person accepted or
/// edited.
bool is_chosen(const PairRow& pair, bool reviewed_only);

/// Why a chosen pair does not go out after all: its picture is not kept any more, or its label does not fit
/// the pair's combination. Empty: it does.
std::string_view why_left_out(const PairRow& pair, ImageState state, const std::optional<std::size_t>& label);

/// Number of a pair's cell: its subcategory in its combination.
inline constexpr std::size_t pair_cell_count = taxonomy::class_count * taxonomy::combination_count;
constexpr std::size_t cell_of(std::size_t subcategory, taxonomy::Combination type) {
  return subcategory * taxonomy::combination_count + static_cast<std::size_t>(type);
}

/// Pairs with their images in the order of ids, so many in memory at a time. Lives no longer than its Work.
class ExportedPairs {
 public:
  /// Only those of that side, where one is given.
  ExportedPairs(const Work& work, bool reviewed_only, std::optional<Side> side = std::nullopt)
      : work_(&work), reviewed_only_(reviewed_only), side_(side) {}

  /// The next one, valid until the next call; nullptr at the end. Errors: those of Work.
  Result<const PairWithImage*> next();
  /// Chosen pairs so far that did not go out, with the reason.
  [[nodiscard]] const std::vector<std::pair<std::string_view, std::uint64_t>>& left_out() const {
    return left_out_;
  }

 private:
  Result<bool> fill();

  const Work* work_;
  bool reviewed_only_;
  std::optional<Side> side_;
  std::vector<PairWithImage> page_;
  std::size_t at_ = 0;
  std::int64_t last_ = -1;
  bool ended_ = false;
  std::vector<std::pair<std::string_view, std::uint64_t>> left_out_;
};

}  // namespace holisafe::construction
