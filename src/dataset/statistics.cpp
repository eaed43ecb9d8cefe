#include "dataset/statistics.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

namespace holisafe::dataset {
namespace {

std::string_view folder_of(std::string_view image) {
  const auto slash = image.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : image.substr(0, slash);
}

/// The class that the last part which is a class name stands for.
std::optional<std::size_t> class_of_folder(std::string_view folder) {
  while (!folder.empty()) {
    const auto slash = folder.rfind('/');
    const auto part = slash == std::string_view::npos ? folder : folder.substr(slash + 1);
    if (const auto index = taxonomy::parse_class(part)) return index;
    folder = folder.substr(0, slash == std::string_view::npos ? 0 : slash);
  }
  return std::nullopt;
}

FolderAgreement agreement(std::uint8_t label, std::string_view folder) {
  const auto found = class_of_folder(folder);
  if (!found) return FolderAgreement::without_class;
  if (*found == label) return FolderAgreement::same;
  return label == 0 ? FolderAgreement::safe_in_harm : FolderAgreement::other_class;
}

template <class Counts, class Size>
Spread spread(const Counts& counts, Size size) {
  Spread out;
  out.things = counts.size();
  std::uint64_t total = 0;
  for (const auto& entry : counts) {
    const std::uint64_t n = size(entry.second);
    out.least = total == 0 ? n : std::min(out.least, n);
    out.most = std::max(out.most, n);
    total += n;
  }
  if (out.things > 0) out.mean = static_cast<double>(total) / static_cast<double>(out.things);
  return out;
}

struct ImageCount {
  std::uint64_t pairs = 0;
  std::uint8_t label = 0;
  bool relabelled = false;
};

}  // namespace

std::string_view name(FolderAgreement agreement) {
  constexpr std::array<std::string_view, folder_agreement_count> names = {"same", "safe_in_harm",
                                                                          "other_class", "without_class"};
  return names[static_cast<std::size_t>(agreement)];
}

BenchStatistics statistics(const BenchData& bench) {
  BenchStatistics out;
  std::unordered_map<std::string_view, ImageCount> images;
  std::unordered_map<std::string_view, std::unordered_set<std::string_view>> queries;
  out.pairs = bench.samples.size();
  for (const Sample& sample : bench.samples) {
    const auto type = static_cast<std::size_t>(sample.type);
    ++out.types[type];
    if (const auto index = taxonomy::parse_class(sample.subcategory)) {
      ++out.subcategories[*index][type];
    } else {
      ++out.unknown_subcategories[std::string(sample.subcategory)];
    }
    ImageCount& image =
        images.try_emplace(sample.image, ImageCount{0, sample.image_safety_label}).first->second;
    ++image.pairs;
    image.relabelled = image.relabelled || image.label != sample.image_safety_label;
    queries[sample.query].insert(sample.image);
  }
  out.images = images.size();
  for (const auto& [path, image] : images) {
    const auto folder = folder_of(path);
    ++out.labels[image.label];
    ++out.folders[static_cast<std::size_t>(agreement(image.label, folder))];
    ++out.labels_by_folder[{image.label, std::string(folder)}];
    if (image.relabelled) ++out.relabelled_images;
  }
  out.pairs_per_image = spread(images, [](const ImageCount& image) { return image.pairs; });
  out.images_per_query = spread(queries, [](const auto& each) { return std::uint64_t{each.size()}; });
  return out;
}

}  // namespace holisafe::dataset
