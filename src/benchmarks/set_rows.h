// Rows of a set as downloaded: in files of whatever kind, beside their images, in an archive, or with them in
// columns.
//
//   const RowFormat format{.file_name = "data.json", .read = read_row};
//   HOLISAFE_TRY(auto rows, open_rows(format, {"VLSBench"}));
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <simdjson.h>

#include "benchmarks/benchmark.h"
#include "sources/image_source.h"
#include "sources/row_source.h"

namespace holisafe::benchmarks {

/// What a reading of a set has met so far.
struct Reading {
  Contents contents;
  std::string_view images_folder;            ///< for messages; empty: the data's own
  bool names_images = true;                  ///< whether contents.named is kept
  bool asks = true;                          ///< false: of a prediction file, which may lack what was asked
  sources::ImageSource* required = nullptr;  ///< what it lacks is a problem of the row that names it
  std::uint64_t items = 0;                   ///< rows so far but for those that were no rows of their tag
  std::string file = {};                     ///< that rows come from now
  std::unordered_set<std::string> ids = {};
  std::unordered_set<std::string> images = {};
};

/// One row while it is being read: its fields, and where to note what is wrong with it. A field that was
/// asked for and is not as it must be is noted as a problem, so that a reader asks for all and looks at the
/// end whether the row is sound().
class RowReading {
 public:
  /// Where a row stands, and what its source knows of it.
  struct Origin {
    std::uint64_t number = 0;  ///< in its file, from 0
    std::string_view tag = {};
    std::string_view key = {};
    const std::vector<sources::Picture>* pictures = nullptr;
  };
  RowReading(Reading& reading, const Origin& origin, simdjson::dom::object object, std::string_view json);

  /// The set's own word for the file that the row comes from (sources::RowPlace); may be empty.
  [[nodiscard]] std::string_view tag() const { return origin_.tag; }
  /// The row's name in an object of rows; empty in other files.
  [[nodiscard]] std::string_view key() const { return origin_.key; }

  /// Whether the row is there to be asked; else it is one of a prediction file, which may hold no more than
  /// its id and what rules compare with.
  [[nodiscard]] bool is_asked() const { return reading_.asks; }

  /// A field's value; nothing where it is missing or null.
  std::optional<simdjson::dom::element> value(std::string_view field);
  /// A string; nothing where it is missing, null or of another kind, which is noted.
  std::optional<std::string_view> text(std::string_view field);
  /// The same for one that may be missing or null; another kind is noted.
  std::optional<std::string_view> optional_text(std::string_view field);
  /// Takes the row's id, an integer or a string that no earlier row has.
  void take_id(std::string_view field);
  /// The same for an id that stands in row() already.
  void take_own_id(std::string_view field);
  /// The same for an id that the set makes of what it knows of the row.
  void set_id(std::string id);
  /// Takes an image's path, relative to the images' place, or notes why it can't be used.
  void take_image(std::string_view field, std::string_view path);
  /// The image of a column that holds pictures, by the name that Rows::images() has it under; nothing where
  /// it is null, or the file has no such column.
  std::optional<std::string> picture(std::string_view field);

  /// Notes every field that stands twice, whether it was asked for or not.
  void note_repeated_fields();
  void problem(std::string_view field, ErrorKind kind, std::string detail);
  void disagreement(std::string_view field, std::string detail);

  /// Whether no problem has been noted.
  [[nodiscard]] bool sound() const;
  /// Position, id and text filled in.
  [[nodiscard]] Item item() const;
  [[nodiscard]] simdjson::dom::object object() const { return object_; }
  /// Index and id, for HoliSafe's reader all its fields.
  dataset::Row& row() { return row_; }

 private:
  std::optional<std::string_view> as_text(std::string_view field, simdjson::dom::element value);
  void name_image(std::string_view field, std::string_view path);

  Reading& reading_;
  Origin origin_;
  simdjson::dom::object object_;
  std::string_view json_;
  std::uint64_t problems_before_;
  dataset::Row row_;
};

/// Where a set's rows and images lie.
struct Layout {
  std::vector<sources::RowPlace> rows;  ///< in the set's order; never empty
  sources::ImagePlace images;
};

/// How a set is read. Static lifetime.
struct RowFormat {
  std::string_view file_name = {};      ///< in the set's folder, where there is no `layout`
  std::string_view images_folder = {};  ///< beside a file of rows; empty: the file's own folder
  /// The row as an item; nothing where it is not sound, or (sound) where it is no row of its tag.
  std::optional<Item> (*read)(RowReading& row) = nullptr;
  /// Which of the set's layouts lies in the folder `data.path`, with the rows of `data.split`. Not asked
  /// where that is a file: then it holds the rows, under an empty tag. Errors: not_found, naming what was
  /// looked for; usage (no such split, naming those there).
  Result<Layout> (*layout)(const DataPlace& data) = nullptr;
  /// What a place that the user named stands for; nullptr: itself. Not asked about a prediction file.
  DataPlace (*stands_for)(const DataPlace& named) = nullptr;
  /// A column of text that holds pictures as base64, in CSV, TSV and Parquet; empty: none.
  std::string_view base64_column = {};
};

/// Benchmark::open and Benchmark::read_all of a benchmark with this format.
Result<std::unique_ptr<Rows>> open_rows(const RowFormat& format, const DataPlace& data);
Result<Contents> read_rows(const RowFormat& format, const DataPlace& data, const OnItem& on_item);
/// The same for text in memory, a JSON array; `file` stands in messages.
Result<Contents> read_row_text(const RowFormat& format, const std::string& text,
                               const std::filesystem::path& file, const OnItem& on_item);

}  // namespace holisafe::benchmarks
