// Rows as a data set's files hold them, whatever kind of file that is: each becomes a JSON object.
//
//   HOLISAFE_TRY(auto source, open_rows("data.json", {}));
//   while (true) {
//     HOLISAFE_TRY(const auto piece, source->next(256));
//     if (!piece) break;
//     use(piece->rows);
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/input_file.h"
#include "base/result.h"
#include "dataset/rows.h"

namespace holisafe::sources {

/// A file of rows. `tag` is the set's own word for what comes from it; one file may stand several times with
/// different tags.
struct RowPlace {
  std::filesystem::path file;
  std::string tag = {};
};

struct RowOptions {
  /// Folder that pictures in columns are named from; empty: the file's own.
  std::filesystem::path root = {};
  /// A column of text that holds pictures as base64, in tables and Parquet; empty: none.
  std::string_view base64_column = {};
};

/// A column of a row that holds a picture: its name, and under which name ImageSource has the picture.
using Picture = std::pair<std::string, std::string>;

/// Rows that follow each other.
struct RowPiece {
  dataset::RowFile rows;
  std::uint64_t first = 0;  ///< number of the first in its file, from 0
  /// The rows' own names, where the file is an object of rows; else empty.
  std::vector<std::string> keys = {};
  /// The pictures in each row's columns; empty where the file has no such columns. In the row stands the file
  /// name that the set gives the picture, else the name that is here; null where there is no picture.
  std::vector<std::vector<Picture>> pictures = {};
};

/// One thread at a time.
class RowSource {
 public:
  RowSource() = default;
  RowSource(const RowSource&) = delete;
  RowSource& operator=(const RowSource&) = delete;
  virtual ~RowSource() = default;

  /// The next rows, at most `most` (from 1); nothing after the last. Errors: io; what is wrong with the file,
  /// with the place in it.
  virtual Result<std::optional<RowPiece>> next(std::size_t most) = 0;
  /// Begins anew.
  virtual void rewind() = 0;
  [[nodiscard]] virtual std::filesystem::path file() const = 0;
  /// What tells this file from others: of JSON and tables the hash of their bytes; of Parquet that of its
  /// size and its footer, which says where every column lies, since its pictures may be gigabytes.
  [[nodiscard]] virtual Result<Digest> digest() const = 0;
  /// Whether columns hold pictures.
  [[nodiscard]] virtual bool has_pictures() const { return false; }
  /// The bytes of the picture in a row's column. Cheap in the order of rows; next() then goes on anywhere.
  /// Errors: io; out_of_range, missing (no such row, column, picture); what is wrong with the file;
  /// too_large.
  virtual Result<std::string> picture(std::uint64_t row, std::string_view column);
};

/// Opens a file of rows of any kind, told by how it begins: a JSON array, an object whose values are rows
/// under their names, JSON lines, CSV, TSV (more tabs than commas in its head), Parquet. Errors: those of
/// InputFile::open; malformed (a Git LFS pointer); unsupported (UTF-16; Parquet in a build without it);
/// not_found (Arrow's libraries); what is wrong with the file's beginning.
Result<std::unique_ptr<RowSource>> open_rows(const std::filesystem::path& file, const RowOptions& options);
Result<std::unique_ptr<RowSource>> open_rows(InputFile file, const RowOptions& options);

/// "FILE#ROW/COLUMN": the name of a picture in a row's column, `file` as it is named from the data's folder.
std::string picture_name(std::string_view file, std::uint64_t row, std::string_view column);

/// The three parts of such a name.
struct PicturePlace {
  std::string_view file;
  std::uint64_t row = 0;
  std::string_view column;
};
/// Nothing where it is another name.
std::optional<PicturePlace> parse_picture_name(std::string_view name);

}  // namespace holisafe::sources
