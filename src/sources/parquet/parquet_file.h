// An open Parquet file: where its columns lie, and which of them hold pictures.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/record_batch.h>
#include <parquet/arrow/reader.h>
#include <parquet/file_reader.h>

#include "base/hash.h"
#include "base/input_file.h"
#include "base/result.h"
#include "sources/row_source.h"

namespace holisafe::sources {

/// A column of pictures.
struct PictureColumn {
  std::string name;
  int leaf = 0;         ///< number of the bytes among the file's leaf columns
  bool named = false;   ///< a struct {bytes, path}
  bool base64 = false;  ///< text
};

/// Read with buffered streams, one column chunk's page at a time: no more than that is in memory. One thread
/// at a time.
class ParquetFile {
 public:
  /// Errors: those of ParquetModule::open.
  static Result<std::unique_ptr<ParquetFile>> open(InputFile file, const RowOptions& options);

  /// A reader of all columns but pictures' bytes, from the first row on.
  Result<std::unique_ptr<arrow::RecordBatchReader>> rows(std::int64_t at_once);
  [[nodiscard]] parquet::ParquetFileReader& reader() { return *arrow_->parquet_reader(); }

  [[nodiscard]] const std::vector<PictureColumn>& pictures() const { return pictures_; }
  /// Of all top-level columns, in the file's order.
  [[nodiscard]] const std::vector<std::string>& column_names() const { return names_; }
  [[nodiscard]] const InputFile& file() const { return file_; }
  [[nodiscard]] std::string name() const { return file_.path().string(); }
  [[nodiscard]] Result<Digest> digest() const;

  /// "cannot read Parquet: FILE: COLUMN: row N: …" with what the library said.
  [[nodiscard]] Error fault(std::string_view column, std::optional<std::uint64_t> row, std::string detail,
                            ErrorKind kind = ErrorKind::malformed) const;

 private:
  explicit ParquetFile(InputFile file) : file_(std::move(file)) {}
  Result<void> read_footer();
  Result<void> check_columns() const;
  Result<void> find_pictures(std::string_view base64_column);

  InputFile file_;
  std::uint64_t size_ = 0;
  std::string footer_;
  std::unique_ptr<parquet::arrow::FileReader> arrow_;
  std::vector<std::string> names_;
  std::vector<PictureColumn> pictures_;
  std::vector<int> leaves_;  ///< of everything but pictures' bytes
};

}  // namespace holisafe::sources
