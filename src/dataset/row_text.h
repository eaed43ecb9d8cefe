// How the text of a file of rows begins.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/input_file.h"
#include "base/result.h"

namespace holisafe::dataset {

/// Refuses by its name what is no JSON in UTF-8: UTF-16, UTF-32, gzip, Parquet, a Git LFS pointer; `start` is
/// the beginning of the file. Errors: unsupported, malformed (a pointer).
Result<void> check_encoding(std::string_view start, const std::string& name);

/// Bytes of the byte order mark at the start of a text in UTF-8: 3, or 0 where there is none.
std::size_t mark_bytes(std::string_view start);

/// Whether the first character of a file, white space and a byte order mark passed over, is one that a JSON
/// array or objects in lines begin with. Errors: io; unsupported (UTF-16, UTF-32).
Result<bool> holds_json_rows(const InputFile& file);

}  // namespace holisafe::dataset
