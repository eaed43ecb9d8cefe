// The table of formats: what `--format` takes, and who writes it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "construction/export_folder.h"

namespace holisafe::construction {

/// Where a side's rows are in an export, for the dataset card: rows of one configuration have the same
/// fields, and `split` is what loaders call the side.
struct CardFiles {
  std::string configuration;
  std::string split;
  std::string pattern;
};

/// One file a format. Static lifetime.
struct ExportFormat {
  std::string_view name;
  /// Writes pictures and rows of both sides.
  Result<void> (*write)(ExportFolder& folder) = nullptr;
  /// How rows name the picture of a pair, once it was written.
  std::string (*picture_name)(const ExportFolder& folder, const PairWithImage& exported) = nullptr;
  CardFiles (*files)(Side side) = nullptr;
  /// What lies where, a line each, as Markdown.
  std::string_view layout;
};

extern const ExportFormat holisafe_export;     // export_holisafe.cpp
extern const ExportFormat imagefolder_export;  // export_imagefolder.cpp
extern const ExportFormat webdataset_export;   // export_webdataset.cpp

std::span<const ExportFormat* const> export_formats();
std::vector<std::string> export_format_names();
/// Error: usage (no such format).
Result<const ExportFormat*> export_format_named(std::string_view name);

}  // namespace holisafe::construction
