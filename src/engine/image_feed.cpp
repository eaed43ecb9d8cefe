#include "engine/image_feed.h"

#include <utility>

namespace holisafe::engine {

ImageFeed::ImageFeed(const Engine& engine, Source source, Options options)
    : engine_(engine),
      options_(options),
      pictures_([this](Path path) { return read(std::move(path)); }, options_.threads, options_.ahead),
      drawing_([this, source = std::move(source)] {
        while (pictures_.wait_for_room()) {
          auto path = source();
          if (!path) return pictures_.end();
          pictures_.push(*std::move(path));
        }
      }) {}

ImageFeed::~ImageFeed() {
  pictures_.close();
  drawing_.join();
}

ImageFeed::Item ImageFeed::read(Path path) const {
  if (path.error) return {std::move(path.path), fail(*std::move(path.error))};
  auto image = engine_.load(chat::Image{path.path, nullptr}, options_.decode);
  return {std::move(path.path), std::move(image)};
}

}  // namespace holisafe::engine
