// The kinds of files that rows come in, for open_rows(); no user elsewhere.
#pragma once

#include "sources/row_source.h"

namespace holisafe::sources {

/// An array, an object of rows, or objects in lines.
Result<std::unique_ptr<RowSource>> open_json(InputFile file);
/// CSV or TSV with a head; cells are texts. Fields of the head that stand twice are an error.
Result<std::unique_ptr<RowSource>> open_table(InputFile file, const RowOptions& options);

}  // namespace holisafe::sources
