#include "image/image.h"

#include <algorithm>
#include <array>
#include <new>

#include <fmt/format.h>

#include "base/file.h"
#include "image/codec.h"
#include "image/other_formats.h"
#include "image/resize.h"

namespace holisafe::image {
namespace {

using Decoder = Result<Decoded> (*)(const Source&, const DecodeOptions&);

struct FormatEntry {
  Format format;
  std::string_view name;
  std::string_view mime_type;
  Decoder decode;
};

constexpr std::array<FormatEntry, 4> formats{{
    {Format::jpeg, "jpeg", "image/jpeg", decode_jpeg},
    {Format::png, "png", "image/png", decode_png},
    {Format::webp, "webp", "image/webp", decode_webp},
    {Format::gif, "gif", "image/gif", decode_gif},
}};

const FormatEntry& entry(Format format) { return formats[static_cast<std::size_t>(format)]; }

}  // namespace

std::string_view name(Format format) { return entry(format).name; }
std::string_view mime_type(Format format) { return entry(format).mime_type; }

tl::unexpected<Error> reject(const Source& source, ErrorKind kind, std::string detail) {
  return fail(kind, "cannot decode image", std::string(source.name), std::move(detail));
}

Result<void> check_size(const Source& source, const Limits& limits, std::uint64_t width,
                        std::uint64_t height) {
  if (width == 0 || height == 0)
    return reject(source, ErrorKind::malformed, "expected pixels, found an empty picture");
  const auto over = [&](std::string_view what, std::uint64_t limit, std::uint64_t found) {
    return reject(source, ErrorKind::too_large,
                  fmt::format("expected {} of at most {}, found {}", what, limit, found));
  };
  if (width > limits.width) return over("a width", limits.width, width);
  if (height > limits.height) return over("a height", limits.height, height);
  if (width > limits.pixels / height) return over("a pixel count", limits.pixels, width * height);
  return {};
}

Image blank(std::uint64_t width, std::uint64_t height) {
  return {static_cast<int>(width), static_cast<int>(height), std::vector<std::uint8_t>(3 * width * height)};
}

Result<Format> detect(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("\xff\xd8\xff")) return Format::jpeg;
  if (text.starts_with("\x89PNG\r\n\x1a\n")) return Format::png;
  if (text.starts_with("RIFF") && text.substr(0, 12).ends_with("WEBP") && text.size() >= 12)
    return Format::webp;
  if (text.starts_with("GIF87a") || text.starts_with("GIF89a")) return Format::gif;
  const auto other = other_format(bytes);
  return fail(
      ErrorKind::unsupported, "cannot decode image", "",
      fmt::format("expected JPEG, PNG, WebP or GIF, found {}", other ? other->name : "another format"));
}

Result<Image> decode(std::span<const std::byte> bytes, const DecodeOptions& options, std::string_view name) {
  const Source source{bytes, name};
  if (bytes.size() > options.limits.file_bytes) {
    return reject(
        source, ErrorKind::too_large,
        fmt::format("expected at most {} bytes, found {}", options.limits.file_bytes, bytes.size()));
  }
  const auto format = detect(bytes);
  if (!format)
    return reject(source, format.error().kind, bytes.empty() ? "the file is empty" : format.error().detail);
  try {
    HOLISAFE_TRY(Decoded decoded, entry(*format).decode(source, options));
    return upright(std::move(decoded.image), orientation(decoded.exif, decoded.xmp));
  } catch (const std::bad_alloc&) {
    return reject(source, ErrorKind::out_of_memory, "not enough memory for its pixels");
  }
}

Result<Image> load(const std::filesystem::path& path, const DecodeOptions& options) {
  HOLISAFE_TRY(const std::string bytes, read_file(path, options.limits.file_bytes));
  return decode(std::as_bytes(std::span(bytes)), options, path.string());
}

Result<Image> load(const std::filesystem::path& path, const std::string* bytes,
                   const DecodeOptions& options) {
  if (bytes == nullptr) return load(path, options);
  return decode(std::as_bytes(std::span(*bytes)), options, path.string());
}

}  // namespace holisafe::image
