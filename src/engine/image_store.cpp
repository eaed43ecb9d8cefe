#include "engine/image_store.h"

#include <utility>

#include "base/hash.h"

namespace holisafe::engine {
namespace {

std::uint64_t bytes_of(const models::LoadedImage& loaded) { return loaded.image.pixel_values.nbytes(); }

}  // namespace

Result<ImageStore::Found> ImageStore::load(const chat::Image& image) {
  const auto digest = image.bytes ? Result<Digest>(sha256(*image.bytes)) : sha256_file(image.file);
  // What cannot be read is told by who reads it in earnest.
  const std::string key = digest ? hex(*digest) : std::string();
  if (auto known = find(key)) return Found{key, std::move(known)};
  HOLISAFE_TRY(auto found, load_once(image));
  found.key = key;
  keep(key, found.loaded);
  return found;
}

Result<ImageStore::Found> ImageStore::load_once(const chat::Image& image) const {
  HOLISAFE_TRY(auto loaded, engine_.load(image, decode_));
  return Found{{}, std::make_shared<const models::LoadedImage>(std::move(loaded))};
}

std::shared_ptr<const models::LoadedImage> ImageStore::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  order_.splice(order_.end(), order_, found->second.place);
  return found->second.loaded;
}

void ImageStore::keep(const std::string& key, std::shared_ptr<const models::LoadedImage> loaded) {
  const std::lock_guard lock(mutex_);
  if (key.empty() || entries_.contains(key)) return;
  bytes_ += bytes_of(*loaded);
  entries_[key] = {std::move(loaded), order_.insert(order_.end(), key)};
  while (bytes_ > most_bytes_) {
    const auto oldest = entries_.find(order_.front());
    bytes_ -= bytes_of(*oldest->second.loaded);
    entries_.erase(oldest);
    order_.pop_front();
  }
}

}  // namespace holisafe::engine
