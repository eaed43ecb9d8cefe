// Sketches of many pictures on disk while they are compared.
//
//   HOLISAFE_TRY(auto sketches, SketchFile::open(folder));
//   HOLISAFE_CHECK(sketches->add(described.sketch));
//   find_near_duplicates(table, [&](std::size_t number) { return sketches->at(number); }, {});
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

#include "base/descriptor.h"
#include "base/result.h"
#include "image/pixel_sketch.h"

namespace holisafe::image {

/// A file without a name, which goes with this object or the process: 5 KB a sketch, none of it in memory.
class SketchFile {
 public:
  /// On the file system of `folder`. Errors: not_found, permission, io, out_of_space.
  static Result<std::unique_ptr<SketchFile>> open(const std::filesystem::path& folder);

  /// Gives it the next number, from 0. One thread. Errors: io, out_of_space.
  Result<void> add(const PixelSketch& sketch);
  [[nodiscard]] std::size_t size() const { return size_; }
  /// `number` below size(). Several threads may ask while none adds. Errors: io, truncated.
  [[nodiscard]] Result<PixelSketch> at(std::size_t number) const;

  SketchFile(int file, std::filesystem::path folder) : file_(file), folder_(std::move(folder)) {}

 private:
  Descriptor file_;
  std::filesystem::path folder_;  ///< stands in errors
  std::size_t size_ = 0;
};

}  // namespace holisafe::image
