// Decisions that are taken together, or not at all.
//
//   DecisionBatch batch(work);
//   for (const Decision& decision : decisions) HOLISAFE_TRY(…, batch.add(decision));
//   HOLISAFE_CHECK(batch.write());
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/result.h"
#include "construction/work.h"
#include "review/source.h"

namespace holisafe::construction {

/// Whether a person may see an image: no picture of its cluster is in quarantine. Errors: those of Work.
Result<bool> is_shown(const Work& work, const ImageRow& image);

/// Each decision meets the pairs and images as those before it leave them. In memory until write(). One
/// thread at a time; no longer than its Work.
class DecisionBatch {
 public:
  explicit DecisionBatch(Work& work) : work_(&work) {}

  /// Faults: unknown (no such pair or image, or one that is not shown); unusable with the member: a pair that
  /// has no text to decide on, an accepted one without instruction or response, an undo of nothing, a label
  /// of an image that is not in dispute; failed (those of Work).
  review::Answer<void> add(const Decision& decision);

  /// All on disk, or none. Errors: those of Work.
  Result<void> write();

  /// As it is after what was added; it was decided on.
  [[nodiscard]] const PairRow& pair(std::int64_t id) const { return pairs_.at(id).row; }
  [[nodiscard]] const ImageRow& image(std::int64_t id) const { return images_.at(id); }

 private:
  struct DecidedPair {
    PairRow row;
    std::vector<Decision> decisions;  ///< all
  };

  review::Answer<void> add_on_pair(Decision decision);
  review::Answer<void> add_on_image(const Decision& decision);
  Result<DecidedPair*> find_pair(std::int64_t id);
  [[nodiscard]] Result<std::optional<ImageRow>> find_image(std::int64_t id) const;
  [[nodiscard]] Result<bool> still_shown(const ImageRow& image) const;
  review::Answer<void> may_label(const ImageRow& image);
  Result<bool> was_labelled_by_person(std::int64_t image);
  Result<void> reject_pairs_of(const ImageRow& image, const Decision& because);
  void settle(DecidedPair& pair, const Decision& decision);

  Work* work_;
  std::map<std::int64_t, DecidedPair> pairs_;
  std::map<std::int64_t, ImageRow> images_;  ///< those that were decided on
  std::vector<Decision> decisions_;          ///< in their order
};

}  // namespace holisafe::construction
