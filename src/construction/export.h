// `data export`: what a build made, as a data set that others can train on, benchmark with and account for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/progress.h"
#include "base/result.h"
#include "construction/export_counts.h"
#include "construction/work.h"

namespace holisafe::construction {

struct ExportSettings {
  std::filesystem::path out;  ///< new or empty
  std::string format = "holisafe";
  ExportSelection selection;
  std::string license;               ///< of the data set, for its card; empty: those of the pictures
  std::string name;                  ///< of the data set, for its card; may be empty
  std::optional<std::int64_t> date;  ///< seconds of UTC in place of when the build began: SOURCE_DATE_EPOCH
  std::string version;               ///< of the program
  std::uint64_t shard_bytes = std::uint64_t{512} << 20U;  ///< a shard of webdataset ends beyond so many
};

/// Writes pairs, pictures (the source's bytes), provenance.jsonl, README.md (a dataset card), DATASHEET.md
/// and prompts/ of all pairs that go out (construction/exported.h). Whenever the process ends, `out` is what
/// it was or all of that. The same build and settings give the same bytes. Errors: usage (no such format),
/// unexpected (something is in `out`), mismatch (a picture is not the one that was imported), those of
/// count_export(), of Work, of reading pictures and of writing; `out` is then as it was.
Result<ExportCounts> export_build(const Work& work, const ExportSettings& settings, Progress* progress,
                                  const StopFlag& stop);

}  // namespace holisafe::construction
