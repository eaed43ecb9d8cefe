// The files of a data set as a hub names them: a split in one or more Parquet files.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace holisafe::sources {

/// The files of one split in a folder, in order: SPLIT.parquet, or SPLIT-00000-of-00070.parquet and all
/// others of the same number, with or without a hash behind. Errors: not_found (no such split, naming those
/// that are there; a file of it, naming that).
Result<std::vector<std::filesystem::path>> split_files(const std::filesystem::path& folder,
                                                       std::string_view split);

/// The splits that have files in a folder, sorted; empty where the folder is not there.
std::vector<std::string> splits_in(const std::filesystem::path& folder);

}  // namespace holisafe::sources
