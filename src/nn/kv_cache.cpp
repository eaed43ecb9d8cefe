#include "nn/kv_cache.h"

#include <algorithm>
#include <utility>

namespace holisafe::nn {

KvCache KvCache::after(std::shared_ptr<const KvCache> prefix, std::int64_t room) {
  KvCache out(static_cast<std::int64_t>(prefix->layers_.size()), room);
  out.prefix_ = std::move(prefix);
  return out;
}

void KvCache::append(std::int64_t layer, const torch::Tensor& keys, const torch::Tensor& values) {
  KeyValueSegment& own = layers_[static_cast<std::size_t>(layer)];
  const std::int64_t added = keys.size(2);
  const std::int64_t needed = own.length + added;
  if (!own.keys.defined() || own.keys.size(1) < needed) {
    const bool grows = own.length > 0;
    const std::int64_t capacity = std::max({needed, room_, grows ? needed + needed / 2 : 0});
    const auto sizes = std::vector<std::int64_t>{keys.size(1), capacity, keys.size(3)};
    const KeyValueSegment old = std::exchange(
        own, {at::empty(sizes, keys.options()), at::empty(sizes, values.options()), own.length});
    if (grows) {
      own.keys.narrow(1, 0, old.length).copy_(old.keys.narrow(1, 0, old.length));
      own.values.narrow(1, 0, old.length).copy_(old.values.narrow(1, 0, old.length));
    }
  }
  own.keys.narrow(1, own.length, added).copy_(keys.squeeze(0));
  own.values.narrow(1, own.length, added).copy_(values.squeeze(0));
  own.length = needed;
}

KvCache::KeysValues KvCache::joined(std::int64_t layer) const {
  std::vector<torch::Tensor> keys;
  std::vector<torch::Tensor> values;
  for (const KeyValueSegment& segment : segments(layer)) {
    keys.push_back(segment.keys.narrow(1, 0, segment.length));
    values.push_back(segment.values.narrow(1, 0, segment.length));
  }
  const auto one = [](const std::vector<torch::Tensor>& parts) {
    return (parts.size() == 1 ? parts.front() : at::cat(parts, 1)).unsqueeze(0);
  };
  return {one(keys), one(values)};
}

std::vector<KeyValueSegment> KvCache::segments(std::int64_t layer) const {
  std::vector<KeyValueSegment> out;
  if (prefix_) out = prefix_->segments(layer);
  if (at(layer).length > 0) out.push_back(at(layer));
  return out;
}

}  // namespace holisafe::nn
