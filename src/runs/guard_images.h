// The images that guards are measured on: each of a benchmark's once, with its label.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/progress.h"
#include "base/result.h"
#include "benchmarks/benchmark.h"
#include "chat/chat.h"
#include "sources/image_source.h"

namespace holisafe::runs {

/// An image of the data.
struct LabelledImage {
  std::string name;  ///< as rows name it
  int label = 0;     ///< 0 is safe
};

/// One thread at a time.
class GuardImages {
 public:
  /// HoliSafe-Bench at `data`, or a file of rows with `image` and `image_safety_label`; images start from
  /// `images`, where that is empty from images/ beside the rows. Errors: those of the rows.
  static Result<GuardImages> open(const std::filesystem::path& data, const std::filesystem::path& images);

  [[nodiscard]] const std::vector<LabelledImage>& images() const { return images_; }
  /// Number of the image of this name.
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const;
  /// Number of the longest one that a path ends with, at the beginning of one of its parts.
  [[nodiscard]] std::optional<std::size_t> find_at_end(std::string_view path) const;
  /// The file of rows, for messages, and the hash of its bytes.
  [[nodiscard]] const std::string& file() const { return contents_.file; }
  [[nodiscard]] const Digest& sha256() const { return sha256_; }
  /// Images that rows label differently; their first row's label counts.
  [[nodiscard]] std::uint64_t disagreements() const { return disagreements_; }

  /// The image, to be sent or judged. Errors: those of finding it.
  [[nodiscard]] Result<chat::Image> image(std::size_t number) const;
  /// Decodes every image. Errors: the first that is missing or cannot be read, with its row, and how many
  /// such there are; interrupted.
  Result<void> check(Progress* progress, const StopFlag& stop) const;

 private:
  void take(const benchmarks::Item& item);

  std::vector<LabelledImage> images_;
  std::unordered_map<std::string, std::size_t> numbers_;  ///< by name
  std::shared_ptr<sources::ImageSource> source_;
  benchmarks::Contents contents_ = {"", {}, 0, 0, {}, dataset::Problems(""), dataset::Problems("")};
  Digest sha256_{};
  std::uint64_t disagreements_ = 0;
};

}  // namespace holisafe::runs
