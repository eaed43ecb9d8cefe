#include "benchmarks/holisafe_statistics.h"

#include <algorithm>
#include <optional>

#include "dataset/rows.h"

namespace holisafe::benchmarks {
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

}  // namespace

std::string_view name(FolderAgreement agreement) {
  constexpr std::array<std::string_view, folder_agreement_count> names = {"same", "safe_in_harm",
                                                                          "other_class", "without_class"};
  return names[static_cast<std::size_t>(agreement)];
}

void HoliSafeCounter::add(const Item& item) {
  ++counts_.pairs;
  const auto type = static_cast<std::size_t>(*taxonomy::parse_combination(item.group("type")));
  ++counts_.types[type];
  // The group is empty for `safe` and for names the taxonomy doesn't have.
  const std::string subcategory = dataset::string_field(item.json, "subcategory");
  if (const auto index = taxonomy::parse_class(subcategory)) {
    ++counts_.subcategories[*index][type];
  } else {
    ++counts_.unknown_subcategories[subcategory];
  }
  const auto label = static_cast<std::uint8_t>(item.label.value_or(0));
  ImageCount& image = images_.try_emplace(item.cluster, ImageCount{0, label}).first->second;
  ++image.pairs;
  image.relabelled = image.relabelled || image.label != label;
  queries_[item.query].insert(item.cluster);
}

HoliSafeCounts HoliSafeCounter::counts() const {
  HoliSafeCounts out = counts_;
  out.images = images_.size();
  for (const auto& [path, image] : images_) {
    const auto folder = folder_of(path);
    ++out.labels[image.label];
    ++out.folders[static_cast<std::size_t>(agreement(image.label, folder))];
    ++out.labels_by_folder[{image.label, std::string(folder)}];
    if (image.relabelled) ++out.relabelled_images;
  }
  out.pairs_per_image = spread(images_, [](const ImageCount& image) { return image.pairs; });
  out.images_per_query = spread(queries_, [](const auto& each) { return std::uint64_t{each.size()}; });
  return out;
}

}  // namespace holisafe::benchmarks
