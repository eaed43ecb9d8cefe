// Pictures as a model gets them: 8-bit RGB, upright, opaque.
//
//   Result<Image> image = load("photo.jpg", DecodeOptions{});
//   Image small = resize(*image, 336, 336, Filter::bicubic);
//
// JPEG, PNG, WebP and GIF are told apart by content, never by name. Pixels equal what Pillow gives after
// ImageOps.exif_transpose and convert("RGB"), but for transparency, which by default is composited over
// white: people see that, and a guard must not judge another picture than people see.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace holisafe::image {

/// 8-bit RGB, rows from the top, interleaved, no padding: rgb.size() == 3 * width * height.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;

  [[nodiscard]] const std::uint8_t* pixel(int x, int y) const { return rgb.data() + offset(x, y); }
  [[nodiscard]] std::uint8_t* pixel(int x, int y) { return rgb.data() + offset(x, y); }

 private:
  [[nodiscard]] std::size_t offset(int x, int y) const {
    return 3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x));
  }
};

/// Checked from the header, before anything is decoded.
struct Limits {
  std::uint64_t file_bytes = std::uint64_t{64} << 20;
  std::uint64_t width = 65535;
  std::uint64_t height = 65535;
  std::uint64_t pixels = 89'478'485;  ///< where Pillow begins to warn of decompression bombs
};

enum class Alpha {
  white,  ///< composite over white, as people see it
  drop,   ///< forget transparency, as Pillow's convert("RGB") does
};

struct DecodeOptions {
  Limits limits;
  Alpha alpha = Alpha::white;
};

enum class Format { jpeg, png, webp, gif };
std::string_view name(Format format);       ///< "jpeg", …
std::string_view mime_type(Format format);  ///< "image/jpeg", …

/// The format that the first bytes say. Errors: unsupported.
Result<Format> detect(std::span<const std::byte> bytes);

/// Decodes the first frame. `name` stands in errors. Thread-safe.
/// Errors: unsupported (format or variant), too_large (a limit), truncated, malformed, out_of_memory.
Result<Image> decode(std::span<const std::byte> bytes, const DecodeOptions& options,
                     std::string_view name = {});

/// The same from a regular file. Errors: those of decode(), not_found, not_a_file, permission, io.
Result<Image> load(const std::filesystem::path& path, const DecodeOptions& options);
/// The same of a file whose bytes may be in hand: then it is not opened, and `path` is their name.
Result<Image> load(const std::filesystem::path& path, const std::string* bytes, const DecodeOptions& options);

/// The picture as a PNG file's bytes; the same picture gives the same bytes. Errors: internal, out_of_memory.
Result<std::string> encode_png(const Image& image);

/// The picture as a JPEG file's bytes, for showing: baseline, colours at half the resolution; `quality` 1 to
/// 100. The same picture gives the same bytes. Errors: internal (also more than 65,500 pixels a side).
Result<std::string> encode_jpeg(const Image& image, int quality);

}  // namespace holisafe::image
