// Pictures decoded and processed on other threads, ahead of the model, in the order of their paths.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "base/ahead.h"
#include "base/progress.h"
#include "engine/engine.h"
#include "image/image.h"

namespace holisafe::engine {

/// Holds a bounded number of pictures. next() is called by one thread; `source` by another.
class ImageFeed {
 public:
  struct Path {
    std::string path;
    std::optional<Error> error;  ///< passed on instead of reading the file
  };
  using Source = std::function<std::optional<Path>()>;

  struct Item {
    std::string path;
    Result<models::ProcessedImage> image;
  };

  struct Options {
    image::DecodeOptions decode;
    int threads = 2;
    std::size_t ahead = 8;           ///< pictures at most that wait for next()
    const StopFlag* stop = nullptr;  ///< ends the feed early
  };

  /// `engine` must outlive the feed.
  ImageFeed(const Engine& engine, Source source, Options options);
  ImageFeed(const ImageFeed&) = delete;
  ImageFeed& operator=(const ImageFeed&) = delete;
  ~ImageFeed();

  /// The next picture; nothing at the end or after a request to stop. Waits for it.
  std::optional<Item> next() { return pictures_.next(options_.stop); }

 private:
  [[nodiscard]] Item read(Path path) const;

  const Engine& engine_;
  Options options_;
  Ahead<Path, Item> pictures_;
  std::thread drawing_;
};

}  // namespace holisafe::engine
