// Rows in Parquet files: read by a module of its own, holisafe_parquet.so, with Arrow's library, which is
// loaded when such a file is met.
#pragma once

#include "sources/row_source.h"

namespace holisafe::sources {

/// What the module gives; made in parquet/. Static lifetime.
struct ParquetModule {
  /// Reads the file's footer. Errors: truncated, malformed, out_of_range (a column that lies outside the
  /// file); unsupported (encrypted; a column of a type that JSON has not).
  Result<std::unique_ptr<RowSource>> (*open)(InputFile file, const RowOptions& options);
};

/// Columns of pictures are structs {bytes, path} and plain binary ones, and the one of options.base64_column.
/// Errors: those of ParquetModule::open; unsupported (no module, as in a build without Parquet), not_found
/// (no Arrow), internal (it does not load). Not thread-safe the first time.
Result<std::unique_ptr<RowSource>> open_parquet(InputFile file, const RowOptions& options);

}  // namespace holisafe::sources
