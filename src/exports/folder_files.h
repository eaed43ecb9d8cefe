// What an export writes: files of a folder that appears whole.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "exports/formats.h"
#include "exports/run_figures.h"

namespace holisafe::exports {

/// Makes the folder `place`, which must be new or empty; whenever the process ends it is that or has all that
/// `write` made in the folder that it is given. Errors: unexpected (something is in it), those of `write` and
/// of replace_folder() (base/folder.h).
Result<void> write_new_folder(const std::filesystem::path& place,
                              const std::function<Result<void>(const std::filesystem::path& folder)>& write);

/// `NAME.ENDING` of the tables in each of the formats that has tables.
Result<void> write_tables(const std::filesystem::path& folder, const std::string& name,
                          std::span<const PrintTable> tables, const Remarks& remarks,
                          std::span<const Format* const> formats);

/// A file a figure in each of the formats that has figures, so many points wide.
Result<void> write_figures(const std::filesystem::path& folder, std::span<const NamedChart> charts,
                           double width, std::span<const Format* const> formats);

}  // namespace holisafe::exports
