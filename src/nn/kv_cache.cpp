#include "nn/kv_cache.h"

#include <algorithm>

namespace holisafe::nn {

KvCache::KeysValues KvCache::append(std::int64_t index, const torch::Tensor& keys,
                                    const torch::Tensor& values) {
  Layer& layer = layers_[static_cast<std::size_t>(index)];
  const std::int64_t added = keys.size(2);
  const std::int64_t needed = layer.length + added;
  if (!layer.keys.defined() || layer.shared || layer.keys.size(2) < needed) {
    const std::int64_t capacity = std::max(needed + 64, layer.length + layer.length / 2);
    auto sizes = keys.sizes().vec();
    sizes[2] = capacity;
    const Layer old = layer;
    layer.keys = at::empty(sizes, keys.options());
    layer.values = at::empty(sizes, values.options());
    layer.shared = false;
    if (old.length > 0) {
      layer.keys.narrow(2, 0, old.length).copy_(old.keys.narrow(2, 0, old.length));
      layer.values.narrow(2, 0, old.length).copy_(old.values.narrow(2, 0, old.length));
    }
  }
  layer.keys.narrow(2, layer.length, added).copy_(keys);
  layer.values.narrow(2, layer.length, added).copy_(values);
  layer.length = needed;
  return {layer.keys.narrow(2, 0, needed), layer.values.narrow(2, 0, needed)};
}

KvCache KvCache::fork() const {
  KvCache copy = *this;
  for (auto& layer : copy.layers_) layer.shared = true;
  return copy;
}

void KvCache::truncate(std::int64_t length) {
  for (auto& layer : layers_) {
    if (length >= layer.length) continue;
    layer.length = length;
    // What comes next would overwrite positions that a fork may still hold.
    if (layer.keys.defined() && layer.keys.use_count() > 1) layer.shared = true;
  }
}

}  // namespace holisafe::nn
