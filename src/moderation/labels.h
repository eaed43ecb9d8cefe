// Labels out of a guard run: rows that `guard calibrate`, `train --freeze all` and `bench guard` read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "moderation/decisions.h"
#include "verdicts/guard_store.h"

namespace holisafe::moderation {

struct LabelOptions {
  std::filesystem::path decisions;  ///< what a human decided (decisions.h); empty: nothing
  bool decided_only = false;        ///< leave out what nobody decided
};

/// What was written, and what was not and why.
struct LabelsWritten {
  std::string images;  ///< the folder that `image` of each row starts from
  std::uint64_t rows = 0;
  std::uint64_t decided = 0;   ///< of these, with a human's label
  std::uint64_t left_out = 0;  ///< by a decision, or because nobody decided
  std::uint64_t unjudged = 0;  ///< neither judged nor decided on
  std::uint64_t gone = 0;
  std::vector<std::string> no_utf8;                          ///< paths that JSON cannot hold, as text
  std::vector<std::pair<std::size_t, std::string>> unknown;  ///< row and path of decisions that the run lacks
};

/// Writes to `out` (a file the user names) a JSON array of {"id", "image", "image_safety_label",
/// "label_from": "guard" | "decision", "sha256", "conversations"} by path: `image` relative to the tree that
/// was given, or to the folder above all trees and files; the label a human's, else of a flagged picture its
/// most probable harm, else 0. A human's label of a path is that of its content wherever it lies. Errors:
/// those of GuardStore, Decisions and writing; missing (no row).
Result<LabelsWritten> write_labels(const verdicts::GuardStore& store, const LabelOptions& options,
                                   const std::filesystem::path& out);

}  // namespace holisafe::moderation
