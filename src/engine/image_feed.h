// Pictures decoded and processed on other threads, ahead of the model, in the order of their paths.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/progress.h"
#include "engine/engine.h"
#include "image/image.h"

namespace holisafe::engine {

/// Holds a bounded number of pictures. next() is called by one thread; `source` by any, one at a time.
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
    std::uint64_t ahead = 8;         ///< pictures at most that wait for next()
    const StopFlag* stop = nullptr;  ///< ends the feed early
  };

  /// `engine` must outlive the feed.
  ImageFeed(const Engine& engine, Source source, Options options);
  ImageFeed(const ImageFeed&) = delete;
  ImageFeed& operator=(const ImageFeed&) = delete;
  ~ImageFeed();

  /// The next picture; nothing at the end or after a request to stop. Waits for it.
  std::optional<Item> next();

 private:
  void work();
  [[nodiscard]] Item read(const Path& path) const;

  const Engine& engine_;
  Source source_;
  Options options_;
  std::mutex source_mutex_;
  std::mutex mutex_;
  std::condition_variable ready_;  ///< an item is there, or the end is known
  std::condition_variable room_;   ///< next() took an item
  std::map<std::uint64_t, Item> items_;
  std::uint64_t taken_ = 0;           ///< paths drawn from the source; guarded by source_mutex_
  std::uint64_t delivered_ = 0;       ///< items given by next()
  std::optional<std::uint64_t> end_;  ///< number of items, once the source is empty
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace holisafe::engine
