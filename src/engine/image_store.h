// Images as a model takes them, by their content: one that several questions show is decoded and processed
// once.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "chat/chat.h"
#include "engine/engine.h"
#include "image/image.h"
#include "models/load_image.h"

namespace holisafe::engine {

/// Thread-safe. What is kept is bounded by bytes; those used least recently go first.
class ImageStore {
 public:
  struct Found {
    std::string key;  ///< SHA-256 of the file's bytes; empty of load_once()
    std::shared_ptr<const models::LoadedImage> loaded;
    [[nodiscard]] const models::ProcessedImage& image() const { return loaded->image; }
  };

  /// `engine` must outlive it.
  ImageStore(const Engine& engine, image::DecodeOptions decode, std::uint64_t most_bytes)
      : engine_(engine), decode_(decode), most_bytes_(most_bytes) {}

  /// Errors: those of models::load_image.
  Result<Found> load(const chat::Image& image);
  /// The same of one that nobody is likely to show again: neither hashed nor kept.
  [[nodiscard]] Result<Found> load_once(const chat::Image& image) const;

 private:
  struct Entry {
    std::shared_ptr<const models::LoadedImage> loaded;
    std::list<std::string>::iterator place;  ///< in order_
  };
  std::shared_ptr<const models::LoadedImage> find(const std::string& key);
  void keep(const std::string& key, std::shared_ptr<const models::LoadedImage> loaded);

  const Engine& engine_;
  image::DecodeOptions decode_;
  std::uint64_t most_bytes_;
  std::mutex mutex_;  ///< of all below
  std::map<std::string, Entry> entries_;
  std::list<std::string> order_;  ///< keys, used last at the end
  std::uint64_t bytes_ = 0;
};

}  // namespace holisafe::engine
