// What the formats of an export share: pairs of a side one after the other, pictures as their source has
// them, rows as JSON. Internal to this layer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/progress.h"
#include "base/result.h"
#include "construction/exported.h"
#include "image/image.h"

namespace holisafe::construction {

/// "jpg", "png", "webp", "gif".
std::string_view ending_of(image::Format format);

/// The name of a pair's or an image's files: the number in eight digits, more where it has more.
std::string file_stem(std::int64_t id);

/// `type`, `category`, `subcategory`, `image_safe`, `image_safety_label`, as a benchmark's rows have them.
void add_labels(nlohmann::ordered_json& row, const PairWithImage& exported);

/// Small pieces of a file, written many together.
class Gathered {
 public:
  explicit Gathered(const WritePiece& write) : write_(&write) {}
  Result<void> add(std::string_view piece);
  /// Writes what is left; last.
  Result<void> flush();

 private:
  const WritePiece* write_;
  std::string pieces_;
};

/// A folder that is being filled. One thread at a time; lives no longer than its Work.
class ExportFolder {
 public:
  struct Options {
    bool reviewed_only = false;
    std::uint64_t pairs = 0;  ///< that will be written
    std::uint64_t shard_bytes = 0;
  };
  ExportFolder(const Work& work, std::filesystem::path folder, Options options, Progress* progress,
               const StopFlag& stop);

  [[nodiscard]] const std::filesystem::path& path() const { return folder_; }
  [[nodiscard]] std::uint64_t shard_bytes() const { return options_.shard_bytes; }
  [[nodiscard]] ExportedPairs pairs(Side side) const { return {*work_, options_.reviewed_only, side}; }

  struct Picture {
    std::int64_t id = -1;
    std::string bytes;  ///< of the source
    image::Format format = image::Format::jpeg;
  };
  /// Valid until the next call. Errors: those of read_source_picture() and image::detect(), with the file.
  Result<const Picture*> picture(const ImageRow& image);
  /// The same, at `under`/CATEGORY/LABEL/ID.ENDING in the folder, written once; gives the path beneath
  /// `under`.
  Result<std::string> place_picture(const std::string& under, const ImageRow& image);
  /// Of a picture that was read.
  [[nodiscard]] image::Format format_of(const ImageRow& image) const;
  /// CATEGORY/LABEL/ID.ENDING of a picture that was read.
  [[nodiscard]] std::string place_of(const ImageRow& image) const;

  /// Once for every pair that is written. Error: interrupted.
  Result<void> step();

  enum class RowsAs { array, lines };
  using ToRow = std::function<Result<nlohmann::ordered_json>(const PairWithImage& exported)>;
  /// A row for each pair of the side, in the order of ids, with a step() each; no file where the side has
  /// none. Errors: those of `to_row`, of Work and of writing.
  Result<void> write_rows(const std::string& file, Side side, RowsAs as, const ToRow& to_row);

 private:
  const Work* work_;
  std::filesystem::path folder_;
  Options options_;
  Progress* progress_;
  const StopFlag* stop_;
  std::uint64_t done_ = 0;
  Picture picture_;                   ///< the last one
  std::vector<std::int8_t> formats_;  ///< by image; -1: not read yet
  std::vector<bool> placed_;          ///< by image
  std::set<std::string> made_folders_;
};

}  // namespace holisafe::construction
