// The images of the questions that a ledger hands out. Of those that come as bytes only so many are in
// memory.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ask/ask.h"
#include "sources/image_source.h"

namespace holisafe::runs {

/// One thread at a time.
class AskedImages {
 public:
  /// A page of questions is as large as this and one question more.
  static constexpr std::size_t most_page_bytes = std::size_t{16} << 20U;

  explicit AskedImages(std::shared_ptr<sources::ImageSource> source) : source_(std::move(source)) {}

  /// Another page of questions begins.
  void begin_page() { page_bytes_ = 0; }
  /// Whether the page's images are as many as may be.
  [[nodiscard]] bool page_is_full() const { return page_bytes_ >= most_page_bytes; }
  /// Puts a question whose images came from here, or why it has none, into the page. False: the page ends
  /// before it, since the file that the images of many rows lie in is torn. Errors: that, at the page's
  /// start.
  Result<bool> take(chat::Key key, Result<chat::Question> put, std::vector<ask::Pending>& page) const {
    if (!put && broken_) {
      if (page.empty()) return fail(std::move(put).error());
      return false;
    }
    page.emplace_back(key, std::move(put));
    return true;
  }
  /// Errors: those of ImageSource::image().
  Result<chat::Image> image(const std::string& name) {
    if (last_.first == name) return last_.second;
    auto image = source_->image(name);
    if (!image) {
      broken_ = source_->place().kind == sources::ImagePlace::Kind::columns && is_torn(image.error().kind);
      return image;
    }
    if (!image->bytes) return image;
    page_bytes_ += image->bytes->size();
    last_ = {name, *image};
    return image;
  }

 private:
  static bool is_torn(ErrorKind kind) {
    return kind == ErrorKind::io || kind == ErrorKind::truncated || kind == ErrorKind::malformed;
  }

  std::shared_ptr<sources::ImageSource> source_;
  std::size_t page_bytes_ = 0;
  bool broken_ = false;  ///< whether the last error was of the file that the images of many rows lie in
  std::pair<std::string, chat::Image> last_;  ///< questions about one image follow each other
};

}  // namespace holisafe::runs
