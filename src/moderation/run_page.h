// The page of a guard run: counts, classes, histogram, errors, the pictures to look at first.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "image/image.h"
#include "report/guard_run_sections.h"
#include "verdicts/guard_store.h"

namespace holisafe::moderation {

struct PageOptions {
  /// Rows with image and image_safety_label, to measure the guard by; empty: none.
  std::filesystem::path labels = {};
  std::filesystem::path images = {};  ///< folder that their paths start from; empty: `images` beside them
  std::size_t most_pictures = 24;     ///< of each kind: the most unsafe, and those nearest the threshold
  image::DecodeOptions decode = {};
  std::string version = {};  ///< of the program, for the footer; may be empty
};

/// A page's footer.
std::string made_by(const std::string& version);

/// The guard against labels of its pictures, each content once, with its curves; rows whose picture the run
/// lacks do not count. Errors: those of GuardStore and RowFile; mismatch (one content with two labels),
/// out_of_range (a label); missing (no row with a judged picture).
Result<report::GuardRun> measure_run(const verdicts::GuardStore& store, const PageOptions& options);

/// What became of a run's files. Errors: those of GuardStore.
Result<report::VerdictCounts> count_run(const verdicts::GuardStore& store);

/// What a run is called: its folder's name.
std::string run_name(const verdicts::GuardStore& store);

/// One self-contained HTML file of bounded size: pictures are small, blurred until held. Made from the store
/// and the pictures as they are now. Errors: those of GuardStore and of measure_run().
Result<std::string> run_page(const verdicts::GuardStore& store, const PageOptions& options);

/// The same as RUN/report.html. Errors: also of writing.
Result<void> write_run_page(const verdicts::GuardStore& store, const PageOptions& options);

}  // namespace holisafe::moderation
