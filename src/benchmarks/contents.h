// All that is to be said of a benchmark's folder: its rows, what is wrong with them, its images.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "dataset/problems.h"
#include "sources/image_source.h"

namespace holisafe::benchmarks {

/// An image of the data, at the first row that names it.
struct NamedImage {
  dataset::Row row;   ///< its index and id alone
  std::string field;  ///< that names it
  std::string path;   ///< that Contents::images has it under
  std::string file;   ///< of the row
};

struct Contents {
  std::string file;  ///< as it stands in messages
  sources::ImagePlace images;
  std::uint64_t rows = 0;         ///< sound or not
  std::uint64_t sound = 0;        ///< that can be used
  std::vector<NamedImage> named;  ///< every image once, also of rows that are not sound, but for bad paths
  /// What keeps a row from being used: a missing field, another kind, a second row with an id, a path that
  /// leaves the images' folder.
  dataset::Problems problems;
  /// What is used but contradicts itself.
  dataset::Problems disagreements;
};

/// Checks one image, a file or its bytes; no decoder is known here.
using CheckImage = std::function<Result<void>(const chat::Image&)>;

/// Looks at every named image once and notes in `problems` those that are missing, are no regular files, or
/// that `check_image` refuses, at the first row that names them. Errors: interrupted; those of opening an
/// archive.
Result<void> check_images(const Contents& contents, const CheckImage& check_image,
                          dataset::Problems& problems, Progress* progress, const StopFlag& stop);

}  // namespace holisafe::benchmarks
