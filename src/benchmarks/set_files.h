// The files that a set's rows lie in, one behind the other.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/input_file.h"
#include "base/result.h"
#include "benchmarks/set_rows.h"
#include "sources/image_source.h"
#include "sources/row_source.h"

namespace holisafe::benchmarks {

/// Where the images of a lone file of rows lie; `images_folder` empty: beside it.
sources::ImagePlace images_beside(const std::filesystem::path& file, std::string_view images_folder);

/// Movable; one thread at a time.
class SetFiles {
 public:
  /// Finds the files and opens the first. Errors: those of RowFormat::layout and sources::open_rows().
  static Result<SetFiles> open(const RowFormat& format, const DataPlace& named);
  /// The same for a file of rows in hand.
  static Result<SetFiles> open(const RowFormat& format, InputFile file);

  /// The next rows, of the file now() with the tag tag(); nothing after the last file's.
  Result<std::optional<sources::RowPiece>> next(std::size_t most);
  /// Begins anew.
  void rewind();

  [[nodiscard]] const std::string& tag() const { return layout_.rows[at_].tag; }
  /// That the rows come from now.
  [[nodiscard]] std::filesystem::path now() const { return layout_.rows[at_].file; }
  /// The one that there is, or the folder of several.
  [[nodiscard]] std::filesystem::path file() const {
    return layout_.rows.size() == 1 ? layout_.rows.front().file : root_;
  }
  [[nodiscard]] const sources::ImagePlace& images() const { return layout_.images; }
  /// One file's bytes as they are; of more, their names as well, so that none can stand for another.
  [[nodiscard]] Result<Digest> digest() const;

 private:
  SetFiles(const RowFormat& format, Layout layout, std::filesystem::path root);
  void take_lone_pictures();
  [[nodiscard]] sources::RowOptions options() const { return {root_, base64_column_}; }

  std::string_view base64_column_;
  Layout layout_;
  std::filesystem::path root_;  ///< that pictures in columns are named from
  std::size_t at_ = 0;
  std::unique_ptr<sources::RowSource> source_;  ///< of the file at at_, once it is needed
};

}  // namespace holisafe::benchmarks
