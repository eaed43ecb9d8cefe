// Verdicts by the image they are on, so many as are kept.
#pragma once

#include <cstddef>
#include <cstring>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/hash.h"
#include "taxonomy/verdict.h"

namespace holisafe::serve {

/// The one used last longest ago goes first. Of one model with one guard and one way of decoding: whoever has
/// another makes another cache. Thread-safe.
class VerdictCache {
 public:
  explicit VerdictCache(std::size_t most) : most_(most) {}

  [[nodiscard]] std::optional<taxonomy::Verdict> find(const Digest& image) const {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(image);
    if (found == places_.end()) return std::nullopt;
    order_.splice(order_.end(), order_, found->second);
    return found->second->second;
  }
  void keep(const Digest& image, const taxonomy::Verdict& verdict) {
    const std::lock_guard lock(mutex_);
    if (most_ == 0 || places_.contains(image)) return;
    if (order_.size() >= most_) {
      places_.erase(order_.front().first);
      order_.pop_front();
    }
    places_.emplace(image, order_.insert(order_.end(), {image, verdict}));
  }
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return order_.size();
  }

 private:
  struct Hash {
    std::size_t operator()(const Digest& digest) const {
      std::size_t out = 0;
      std::memcpy(&out, digest.data(), sizeof out);
      return out;
    }
  };
  using Order = std::list<std::pair<Digest, taxonomy::Verdict>>;

  const std::size_t most_;
  mutable std::mutex mutex_;
  mutable Order order_;  ///< used last longest ago first
  std::unordered_map<Digest, Order::iterator, Hash> places_;
};

}  // namespace holisafe::serve
