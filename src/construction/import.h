// Sources of a build: folder trees, folders with a table of metadata, tables, and data sets that bring pairs
// along.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "construction/work.h"
#include "store/remembered.h"

namespace holisafe::construction {

struct ImportSettings {
  std::vector<std::string> sources;  ///< as typed
  bool drop_near_duplicates = true;
  std::string license;  ///< of images that bring none; empty: unknown
  /// What else the build is made from (seed, types …): compared before anything is read, and remembered with
  /// the sources once these are listed without an error.
  store::Identity identity;
  /// Called with what the user should know (a picture that does not decode). May be empty.
  std::function<void(const std::string&)> warn;
};

struct ImportCounts {
  std::uint64_t found = 0;   ///< images
  std::uint64_t others = 0;  ///< files that are no images, in folder trees
};

/// Lists all sources (every error of a row or a path before anything else is done), decodes and hashes what
/// is not in `work` yet, finds duplicates and near-duplicates over all, and writes the images with their
/// states up to labelling: with a label from the source kept or disputed, without one `unlabelled` until a
/// labeller has spoken. Rows about the same file are one image. Copies lend the picture that stays their
/// label; pairs that a source brings along are written as planned, `brought`, copies' to the picture that
/// stays, and those of pictures without a label that counts not before they have one.
///
/// What is known of a file is kept as long as its size and time stay. New files of a source get the next ids;
/// a picture that has pairs or was labelled stays, whatever copies of it come. Errors: not_found, not_a_file,
/// outside_root, unexpected (a label), missing, malformed … with file, row and field; those of Work; mismatch
/// (sources, labels or pictures that differ from those of the build); interrupted.
Result<ImportCounts> import_sources(Work& work, const ImportSettings& settings, Progress* progress,
                                    const StopFlag& stop);

}  // namespace holisafe::construction
