// Processed images of a run, kept in memory as long as there is room.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "models/model.h"

namespace holisafe::train {

/// Decodes and processes images; those that fit into `budget` bytes together are made once. What get() gives
/// does not depend on what is kept. Thread-safe.
class ImageCache {
 public:
  /// `model` and `paths` must outlive the cache.
  ImageCache(const models::Model& model, const std::vector<std::filesystem::path>& paths,
             std::uint64_t budget);

  /// Errors: those of image::load and Model::process_image, naming the file.
  Result<std::shared_ptr<const models::ProcessedImage>> get(std::size_t index);

 private:
  const models::Model& model_;
  const std::vector<std::filesystem::path>& paths_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<const models::ProcessedImage>> kept_;
  std::uint64_t room_;
};

/// A quarter of this machine's memory, at most 4 GiB, shared by `processes`.
std::uint64_t image_cache_budget(int processes);

}  // namespace holisafe::train
