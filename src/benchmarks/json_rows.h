// Rows that stand in one JSON file, as an array of objects or a line each, beside their images.
//
//   const RowFormat format{.file_name = "data.json", .read = read_row};
//   HOLISAFE_TRY(auto rows, open_json_rows(format, "VLSBench"));
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include <simdjson.h>

#include "benchmarks/benchmark.h"
#include "dataset/row_stream.h"

namespace holisafe::benchmarks {

/// What a reading of a file has met so far.
struct Reading {
  Contents contents;
  std::string_view images_folder;  ///< for messages; empty: the data's own
  bool names_images = true;        ///< whether contents.named is kept
  std::unordered_set<std::string> ids = {};
  std::unordered_set<std::string> images = {};
};

/// One row while it is being read: its fields, and where to note what is wrong with it. A field that was
/// asked for and is not as it must be is noted as a problem, so that a reader asks for all and looks at the
/// end whether the row is sound().
class RowReading {
 public:
  RowReading(Reading& reading, std::uint64_t position, simdjson::dom::object object, std::string_view json);

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
  /// Takes an image's path, relative to the images' folder, or notes why it can't be used.
  void take_image(std::string_view field, std::string_view path);

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

  Reading& reading_;
  simdjson::dom::object object_;
  std::string_view json_;
  std::uint64_t problems_before_;
  dataset::Row row_;
};

/// How a benchmark's file is read. Static lifetime.
struct RowFormat {
  std::string_view file_name;      ///< in the benchmark's folder
  std::string_view images_folder;  ///< beside the file; empty: the file's own folder
  /// The row as an item, nothing where it is not sound.
  std::optional<Item> (*read)(RowReading& row) = nullptr;
};

/// Benchmark::open, Benchmark::open_file and Benchmark::read_all for such files. `data` is a folder or a
/// file.
Result<std::unique_ptr<Rows>> open_json_rows(const RowFormat& format, const std::filesystem::path& data);
Result<std::unique_ptr<Rows>> open_json_rows(const RowFormat& format, InputFile rows);
Result<Contents> read_json_rows(const RowFormat& format, const std::filesystem::path& data,
                                const OnItem& on_item);
/// The same for text in memory, an array; `file` stands in messages.
Result<Contents> read_json_text(const RowFormat& format, const std::string& text,
                                const std::filesystem::path& file, const OnItem& on_item);

}  // namespace holisafe::benchmarks
