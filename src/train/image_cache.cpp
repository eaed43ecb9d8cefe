#include "train/image_cache.h"

#include <algorithm>
#include <utility>

#include <unistd.h>

#include "models/load_image.h"

namespace holisafe::train {

ImageCache::ImageCache(const models::Model& model, const std::vector<std::filesystem::path>& paths,
                       std::uint64_t budget)
    : model_(model), paths_(paths), kept_(paths.size()), room_(budget) {}

Result<std::shared_ptr<const models::ProcessedImage>> ImageCache::get(std::size_t index) {
  {
    std::scoped_lock lock(mutex_);
    if (kept_[index] != nullptr) return kept_[index];
  }
  HOLISAFE_TRY(auto loaded, models::load_image(model_, chat::Image{paths_[index], nullptr}, {}));
  auto made = std::make_shared<const models::ProcessedImage>(std::move(loaded.image));
  const auto bytes = static_cast<std::uint64_t>(made->pixel_values.nbytes());
  std::scoped_lock lock(mutex_);
  if (kept_[index] == nullptr && bytes <= room_) {
    kept_[index] = made;
    room_ -= bytes;
  }
  return made;
}

std::uint64_t image_cache_budget(int processes) {
  const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  // A container may hold less than its machine says.
  constexpr std::uint64_t most = std::uint64_t{4} << 30;
  return std::min(most, pages * page / 4) / static_cast<std::uint64_t>(processes);
}

}  // namespace holisafe::train
