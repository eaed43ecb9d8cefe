// Pictures of one column, in the order of rows: each page is decompressed once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <parquet/column_reader.h>

#include "sources/parquet/parquet_file.h"

namespace holisafe::sources {

/// Which rows of a row group have a picture.
struct Present {
  std::optional<bool> all;  ///< where it is the same for all of them
  std::vector<bool> each;   ///< else of each row

  [[nodiscard]] bool at(std::uint64_t row) const { return all ? *all : row < each.size() && each[row]; }
};

/// One thread at a time; the file outlives it.
class PictureCursor {
 public:
  PictureCursor(ParquetFile& file, const PictureColumn& column) : file_(&file), column_(&column) {}

  /// The bytes of the row's picture, as they stand in the column; nothing where it is null. Row groups before
  /// the row's are not read; rows that were passed over only together with those of their page. Errors:
  /// out_of_range; malformed, truncated (a page that is torn).
  Result<std::optional<std::string>> at(std::uint64_t row);

  /// Which rows of a group have a picture, as its statistics say. Where these do not, of structs all those
  /// that are no null themselves, which the rows say; a column without structs is read for it.
  Result<Present> present(int group);

 private:
  Result<void> move_to(std::uint64_t row);

  ParquetFile* file_;
  const PictureColumn* column_;
  int group_ = -1;
  std::uint64_t group_begin_ = 0;  ///< its first row
  std::uint64_t next_ = 0;         ///< row that is read next
  std::shared_ptr<parquet::ByteArrayReader> reader_;
};

}  // namespace holisafe::sources
