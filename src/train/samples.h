// The samples of a run: conversations with their guard labels, and the images they show.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "models/model.h"
#include "train/settings.h"

namespace holisafe::train {

/// No guard label (PyTorch's ignored index, as in the data).
inline constexpr std::int64_t no_label = -100;

/// One conversation. Its turns hold no image placeholders and no white space around the user's words; all
/// images stand before the first turn's text, as LLaVA's training puts them.
struct Sample {
  std::string id;                   ///< as the data has it; where it has none, file and row
  std::vector<std::size_t> images;  ///< into SampleSet::images
  chat::Conversation conversation;
  std::int64_t label = no_label;  ///< guard class 0-19, or no_label

  /// Bytes of all turns: what grouping by length goes by, with the images' tokens.
  [[nodiscard]] std::int64_t text_bytes() const;
};

struct SampleSet {
  std::vector<Sample> samples;                ///< the data's in file order, then each mix's
  std::vector<std::filesystem::path> images;  ///< each once

  /// "a, b, c and 5 more", for errors.
  [[nodiscard]] std::string ids(std::span<const std::int64_t> indices) const;
};

/// Reads `settings.data` and the first N conversations of each mix. Image paths must lie beneath
/// `settings.images`. Errors: those of read_conversations and resolve_beneath; the first problem of the rows,
/// with the number of others; usage (a mix has fewer conversations than asked for); missing (no sample).
Result<SampleSet> read_samples(const Settings& settings);

/// Looks at the first bytes of every picture. Errors: of the first that is none or cannot be read, with the
/// number of others; interrupted.
Result<void> check_pictures(const SampleSet& set, const StopFlag& stop);

}  // namespace holisafe::train
