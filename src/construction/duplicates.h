// Which pictures of a build are one: copies with equal pixels, and near-duplicates of them.
#pragma once

#include "base/progress.h"
#include "base/result.h"
#include "construction/work.h"

namespace holisafe::construction {

struct CopySettings {
  bool drop_near_duplicates = true;  ///< else all of a cluster stay, but for equal pixels
  Progress* progress = nullptr;
  const StopFlag* stop = nullptr;
};

/// Gives every picture that has a hash its cluster, and its state and label where nobody but its source has
/// spoken yet. Equal bytes or pixels: `duplicate` of the first. Of a cluster the picture with most pixels
/// stays (the first of them), the others are `near_duplicate`; pictures that have pairs, or that a labeller
/// or a person has labelled, stay as they are, and a quarantined one keeps its copies out. The labels that
/// the sources give a cluster's pictures are one: the label of those that stay, `kept`; several: `disputed`;
/// none: `unlabelled`.
///
/// The same pictures give the same states, whatever was compared before, as long as no pairs are planned.
/// Holds about 150 bytes a picture, and a bounded number of sketches. One transaction. Errors: those of Work;
/// malformed; interrupted.
Result<void> settle_copies(Work& work, const CopySettings& settings);

}  // namespace holisafe::construction
