// The files of WORK that are written from build.db at the end of each run. The same build gives the same
// bytes, whatever concurrency, faults and kills came between; only calls, tokens and faults of the summary
// may differ.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "construction/work.h"

namespace holisafe::construction {

inline constexpr std::string_view images_file = "images.jsonl";
inline constexpr std::string_view pairs_file = "pairs.jsonl";
inline constexpr std::string_view summary_file = "summary.json";

/// A line of images.jsonl and of pairs.jsonl (also what the review page's API gives), all keys in the
/// contract's order, null where there is nothing.
nlohmann::ordered_json to_json(const ImageRow& image);
nlohmann::ordered_json to_json(const PairRow& pair, const ImageRow& image);

/// What summary.json holds. Errors: those of Work.
Result<nlohmann::ordered_json> summary(const Work& work);

/// Writes images.jsonl, pairs.jsonl and summary.json, each atomically, a row at a time. Errors: those of Work
/// and of writing.
Result<void> write_files(const Work& work);

}  // namespace holisafe::construction
