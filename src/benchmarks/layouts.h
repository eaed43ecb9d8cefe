// Where sets' rows and images lie, as far as several sets have it alike.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "benchmarks/set_rows.h"

namespace holisafe::benchmarks {

/// Whether a file, or a link to one, is there.
bool is_file(const std::filesystem::path& path);
bool is_folder(const std::filesystem::path& path);

/// Rows in one file, their images in a folder.
Layout rows_beside(std::filesystem::path rows, std::filesystem::path images);
/// Rows in the Parquet files of a split in a hub's `folder`, images in their columns, which are named from
/// `root`. Errors: those of sources::split_files().
Result<Layout> rows_of_split(const std::filesystem::path& root, const std::filesystem::path& folder,
                             std::string_view split);

/// What is said of a folder in which nothing of the set lies; `expected` names what was looked for.
Error no_layout(std::string_view title, const std::filesystem::path& folder, std::string_view expected);

}  // namespace holisafe::benchmarks
