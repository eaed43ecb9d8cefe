// What tells one checkpoint from another without reading all of it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace holisafe::checkpoint {

/// Lower-case hexadecimal SHA-256 over the regular files of a folder (or over one file) in the order of their
/// names: names, sizes, and contents; of files above 16 MiB the first MiB, the last, and 4 KiB at each of
/// 1,000 places evenly between, so that checkpoints of many gigabytes with other weights are told apart in a
/// moment. Where the folder lies and what it is called makes no difference; hidden files and folders inside
/// are left out. Errors: not_found, permission, io.
Result<std::string> fingerprint(const std::filesystem::path& path);

/// The same over named bytes that are in memory.
std::string fingerprint(const std::map<std::string, std::string_view>& parts);

}  // namespace holisafe::checkpoint
