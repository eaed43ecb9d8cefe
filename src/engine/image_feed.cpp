#include "engine/image_feed.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/boundary.h"

namespace holisafe::engine {
namespace {

constexpr std::chrono::milliseconds stop_poll{100};

}  // namespace

ImageFeed::ImageFeed(const Engine& engine, Source source, Options options)
    : engine_(engine), source_(std::move(source)), options_(std::move(options)) {
  for (int i = 0; i < std::max(1, options_.threads); ++i) threads_.emplace_back([this] { work(); });
}

ImageFeed::~ImageFeed() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  room_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ImageFeed::work() {
  while (true) {
    std::optional<Path> path;
    std::uint64_t number = 0;
    {
      const std::lock_guard source_lock(source_mutex_);
      {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [this] { return closing_ || end_ || taken_ < delivered_ + options_.ahead; });
        if (closing_ || end_) return;
      }
      path = source_();
      number = taken_;
      if (path) ++taken_;
    }
    std::optional<Item> item;
    if (path) item = read(*path);
    {
      const std::lock_guard lock(mutex_);
      if (item) {
        items_.emplace(number, *std::move(item));
      } else {
        end_ = std::min(end_.value_or(number), number);
      }
    }
    ready_.notify_all();
    room_.notify_all();
    if (!path) return;
  }
}

ImageFeed::Item ImageFeed::read(const Path& path) const {
  if (path.error) return {path.path, fail(*path.error)};
  return {path.path, within_boundary("cannot read image", [&]() -> Result<models::ProcessedImage> {
            HOLISAFE_TRY(const auto picture, image::load(path.path, options_.decode));
            auto processed = engine_.process(picture);
            if (processed) return processed;
            Error error = processed.error();
            error.where = error.where.empty() ? path.path : path.path + ": " + error.where;
            return fail(std::move(error));
          })};
}

std::optional<ImageFeed::Item> ImageFeed::next() {
  std::unique_lock lock(mutex_);
  const auto there = [this] { return items_.contains(delivered_) || (end_ && delivered_ >= *end_); };
  while (!there()) {
    if (options_.stop != nullptr && options_.stop->requested()) return std::nullopt;
    ready_.wait_for(lock, stop_poll);
  }
  if (options_.stop != nullptr && options_.stop->requested()) return std::nullopt;
  const auto found = items_.find(delivered_);
  if (found == items_.end()) return std::nullopt;
  Item item = std::move(found->second);
  items_.erase(found);
  ++delivered_;
  lock.unlock();
  room_.notify_all();
  return item;
}

}  // namespace holisafe::engine
