// Near-duplicates among many pictures: proposed by what they show from afar, confirmed on pixels.
//
//   LowFrequencyTable table;
//   for (…) { described = describe(picture); table.add(described->frequencies); keep(described->sketch); }
//   HOLISAFE_TRY(const auto clusters, find_near_duplicates(table, sketch_of, {}));
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "image/low_frequencies.h"
#include "image/pixel_sketch.h"

namespace holisafe::image {

/// Gives a picture's sketch by its number in the table, as often as it is asked. Called by several threads at
/// once.
using SketchSource = std::function<Result<PixelSketch>(std::size_t number)>;

struct NearDuplicateOptions {
  int threads = 0;                   ///< 0: as many as the machine has
  std::size_t proposals = 48;        ///< so many nearest of each picture are looked at
  float least_nearness = 0.8F;       ///< and only those that are so near
  std::size_t indexed_from = 65536;  ///< pictures, below which each is measured against all
  std::size_t cached = 512;          ///< pictures held ready to be compared, 40 KB each
  const StopFlag* stop = nullptr;
  Progress* progress = nullptr;  ///< pictures done
};

/// Numbers of pictures that are one, ascending.
using PictureCluster = std::vector<std::uint32_t>;

/// Clusters of two and more, by their first. A picture belongs to a cluster with whatever it was confirmed to
/// be one with, but a grey one, which any colouring of the same drawing would match, joins only the colouring
/// nearest in luma, and none if it is one with a coloured picture already. The same pictures in the same
/// order give the same clusters, whatever the threads. Beside the table it holds 4 bytes a picture, 10 MB,
/// and what the options say. Errors: the source's, interrupted.
Result<std::vector<PictureCluster>> find_near_duplicates(const LowFrequencyTable& table,
                                                         const SketchSource& sketch_of,
                                                         const NearDuplicateOptions& options);

}  // namespace holisafe::image
