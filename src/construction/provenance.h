// provenance.jsonl and prompts/: where each pair of an export comes from.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "construction/export_formats.h"

namespace holisafe::construction {

inline constexpr const char* provenance_file = "provenance.jsonl";
inline constexpr const char* prompts_folder = "prompts";

/// When a build began, "2026-12-01T09:30:00Z"; `date` (seconds of UTC, from SOURCE_DATE_EPOCH) counts where
/// it is given. Errors: missing, malformed (the build says no date), those of Work.
Result<std::string> created_at(const Work& work, std::optional<std::int64_t> date);

/// A line: `id`, `image` (as rows of the export name it), `image_sha256`, `source`, `source_path`, `license`
/// or "unknown", `writer`, `checker`, `prompt_sha256`, `created`, `split`, `review`; null where there is
/// nothing.
nlohmann::ordered_json provenance_row(const PairWithImage& exported, const std::string& image,
                                      const std::string& created);

/// A line for each pair that the format wrote, in the order of ids. Errors: those of Work and of writing.
Result<void> write_provenance(const ExportFolder& folder, const Work& work, const ExportFormat& format,
                              bool reviewed_only, const std::string& created);

/// Every prompt of the build in a file that its SHA-256 names. Errors: malformed (a prompt that is not what
/// its name says), those of Work and of writing.
Result<void> write_prompts(const ExportFolder& folder, const Work& work);

}  // namespace holisafe::construction
