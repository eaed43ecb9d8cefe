// What the decoders share. Internal to this layer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "image/image.h"

namespace holisafe::image {

/// The bytes of a file and how to name it in errors.
struct Source {
  std::span<const std::byte> bytes;
  std::string_view name;

  [[nodiscard]] const std::uint8_t* data() const {
    return reinterpret_cast<const std::uint8_t*>(bytes.data());
  }
  [[nodiscard]] std::size_t size() const { return bytes.size(); }
};

/// One decoder's work: pixels as stored, with the metadata that says which way is up.
struct Decoded {
  Image image;
  std::string exif;  ///< TIFF structure, without "Exif\0\0"; may be empty
  std::string xmp;   ///< may be empty
};

Result<Decoded> decode_jpeg(const Source& source, const DecodeOptions& options);
Result<Decoded> decode_png(const Source& source, const DecodeOptions& options);
Result<Decoded> decode_webp(const Source& source, const DecodeOptions& options);
Result<Decoded> decode_gif(const Source& source, const DecodeOptions& options);

/// Errors: malformed (no pixels), too_large (names width, height or pixels with the limit).
Result<void> check_size(const Source& source, const Limits& limits, std::uint64_t width,
                        std::uint64_t height);

/// An error of this source.
tl::unexpected<Error> reject(const Source& source, ErrorKind kind, std::string detail);

/// A black picture. Sizes must have passed check_size().
Image blank(std::uint64_t width, std::uint64_t height);

/// One sample over white, or as it is.
inline std::uint8_t blend(std::uint8_t sample, std::uint8_t alpha, Alpha policy) {
  if (policy == Alpha::drop) return sample;
  const unsigned sum = sample * static_cast<unsigned>(alpha) + 255U * (255U - alpha) + 128U;
  return static_cast<std::uint8_t>((sum + (sum >> 8)) >> 8);
}

/// EXIF's orientation 1-8; where EXIF has none, XMP's tiff:Orientation; else 1. Never fails: metadata that
/// cannot be read has no say, as in Pillow.
int orientation(std::string_view exif, std::string_view xmp);

}  // namespace holisafe::image
