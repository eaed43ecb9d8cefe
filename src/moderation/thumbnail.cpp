#include "moderation/thumbnail.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "base/file.h"
#include "base/hash.h"
#include "image/resize.h"

namespace holisafe::moderation {
namespace {

constexpr int longest_side = 160;
constexpr int quality = 72;

image::Image small(const image::Image& picture) {
  const double scale =
      std::min(1.0, static_cast<double>(longest_side) / std::max(picture.width, picture.height));
  const auto side = [scale](int size) {
    return std::max(1, static_cast<int>(std::lround(scale * static_cast<double>(size))));
  };
  if (scale == 1.0) return picture;
  return image::resize(picture, side(picture.width), side(picture.height), image::Filter::bicubic);
}

Result<std::string> url_of(const std::filesystem::path& file, const Digest& content,
                           const image::DecodeOptions& options) {
  HOLISAFE_TRY(const std::string bytes, read_file(file, options.limits.file_bytes));
  if (sha256(bytes) != content)
    return fail(ErrorKind::mismatch, "cannot show", file.string(), "the file is another one now");
  HOLISAFE_TRY(const image::Image picture,
               image::decode(std::as_bytes(std::span(bytes)), options, file.string()));
  HOLISAFE_TRY(const std::string jpeg, image::encode_jpeg(small(picture), quality));
  return "data:image/jpeg;base64," + base64(std::as_bytes(std::span(jpeg)));
}

}  // namespace

report::Picture thumbnail(const std::filesystem::path& file, const Digest& content,
                          const image::DecodeOptions& options) {
  report::Picture out;
  const auto url = url_of(file, content, options);
  if (url) {
    out.url = *url;
  } else {
    out.missing = url.error().detail.empty() ? url.error().what : url.error().detail;
  }
  return out;
}

}  // namespace holisafe::moderation
