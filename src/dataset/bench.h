// HoliSafe-Bench as its authors publish it: `holisafe_bench.json`, one array, beside `images/`.
//
//   HOLISAFE_TRY(const BenchData bench, read_bench("HoliSafe-Bench"));
//   for (const Sample& sample : bench.samples) …
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "dataset/problems.h"
#include "dataset/rows.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::dataset {

/// One image-text pair. Views live as long as the BenchData they came in.
struct Sample {
  std::size_t row = 0;  ///< place in the file, from 0
  std::string id;       ///< the integer's digits, or the string; unique in the file
  bool id_is_string = false;
  std::string_view image;  ///< path relative to the images folder, `/` between its parts
  std::string_view query;
  taxonomy::Combination type = taxonomy::Combination::SSS;
  std::string_view category;           ///< of the pair's harm
  std::string_view subcategory;        ///< as it stands in the file
  std::uint8_t subcategory_class = 0;  ///< guard class of the subcategory, 0 for `safe`
  bool image_safe = true;
  std::uint8_t image_safety_label = 0;  ///< guard class of the image, 0-19
  std::string_view json;  ///< the row's text in the file, with all its fields in their order (raw_fields)
};

/// An image of the data set, at the first row that names it. The view lives as long as the BenchData.
struct NamedImage {
  std::size_t row = 0;
  std::string id;
  bool id_is_string = false;
  std::string_view image;
};

struct BenchData {
  std::filesystem::path root;  ///< folder of the JSON file; images lie in root/images
  RowFile file;
  std::vector<Sample> samples;  ///< sound rows, in file order
  /// Every image once, also of rows that are not sound, but for paths that leave the images folder.
  std::vector<NamedImage> named_images;
  /// What keeps a row from being used: a missing field, another kind, an unknown type, a second row with an
  /// id, a path that leaves the images folder.
  Problems problems;
  /// What is used but contradicts itself: image_safe, label, subcategory or category against type or
  /// taxonomy.
  Problems disagreements;
  std::size_t rows = 0;  ///< of the file, sound or not

  [[nodiscard]] std::filesystem::path images() const { return root / "images"; }
};

/// Name of the benchmark's JSON file inside its folder.
inline constexpr std::string_view bench_file_name = "holisafe_bench.json";

/// Reads `path`, a folder that holds holisafe_bench.json or such a file itself. Images are not touched.
/// Errors: those of RowFile::open; problems of single rows are in the result.
Result<BenchData> read_bench(const std::filesystem::path& path);

/// The same for text in memory.
Result<BenchData> parse_bench(std::string text, const std::filesystem::path& file);

/// Checks one image file; dataset knows no decoder.
using CheckImage = std::function<Result<void>(const std::filesystem::path&)>;

/// Looks at every named image of `bench` once and notes in `problems` those that are missing, lead out of the
/// images folder by a link, are no regular files, or that `check_image` refuses, at the first row that names
/// them. Errors: interrupted.
Result<void> check_images(const BenchData& bench, const CheckImage& check_image, Problems& problems,
                          Progress* progress, const StopFlag& stop);

}  // namespace holisafe::dataset
