// What HoliSafe-Bench, or data in its format, holds in counts.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "benchmarks/benchmark.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::benchmarks {

/// How often something goes with something else.
struct Spread {
  std::uint64_t things = 0;  ///< how many there are
  std::uint64_t least = 0;
  double mean = 0;
  std::uint64_t most = 0;
};

/// How the label of an image and the folder it lies in go together. A folder names a class by the last of
/// its parts that is a class name; an image under a folder without one has none.
enum class FolderAgreement : std::uint8_t {
  same,           ///< the folder names the label's class
  safe_in_harm,   ///< labelled safe, in a harm class's folder
  other_class,    ///< labelled with one class, in the folder of another
  without_class,  ///< the folder names no class
};
inline constexpr std::size_t folder_agreement_count = 4;
std::string_view name(FolderAgreement agreement);  ///< "same", …

struct HoliSafeCounts {
  using TypeCounts = std::array<std::uint64_t, taxonomy::combination_count>;  ///< pairs by Combination

  std::uint64_t pairs = 0;
  std::uint64_t images = 0;
  TypeCounts types{};
  std::array<TypeCounts, taxonomy::class_count> subcategories{};  ///< by class of the pair's harm
  /// Pairs whose subcategory is none of the taxonomy's, by that name.
  std::map<std::string, std::uint64_t> unknown_subcategories;
  std::array<std::uint64_t, taxonomy::class_count> labels{};  ///< images by the label of their first row
  std::uint64_t relabelled_images = 0;                        ///< images that another row labels otherwise
  Spread pairs_per_image;
  Spread images_per_query;                                      ///< over different query texts
  std::array<std::uint64_t, folder_agreement_count> folders{};  ///< images by FolderAgreement
  /// Images by (label, folder), the folder without the file name.
  std::map<std::pair<std::uint8_t, std::string>, std::uint64_t> labels_by_folder;
};

/// Counts rows one by one.
class HoliSafeCounter {
 public:
  /// `item` is one of HoliSafe's.
  void add(const Item& item);
  [[nodiscard]] HoliSafeCounts counts() const;

 private:
  struct ImageCount {
    std::uint64_t pairs = 0;
    std::uint8_t label = 0;
    bool relabelled = false;
  };
  HoliSafeCounts counts_;
  std::unordered_map<std::string, ImageCount> images_;
  std::unordered_map<std::string, std::unordered_set<std::string>> queries_;
};

/// Benchmark::statistics of HoliSafe-Bench. Errors: those of its read_all.
Result<Statistics> holisafe_statistics(const DataPlace& data);

}  // namespace holisafe::benchmarks
