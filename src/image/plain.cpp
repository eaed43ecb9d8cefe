#include "image/plain.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "image/codec.h"

namespace holisafe::image {
namespace {

/// Takes numbers and pieces off the front; once something was missing, all that follows is empty and `good`
/// false.
struct Bytes {
  std::string_view rest;
  bool good = true;

  std::string_view take(std::size_t count) {
    if (count > rest.size()) {
      good = false;
      rest = {};
      return {};
    }
    const std::string_view out = rest.substr(0, count);
    rest.remove_prefix(count);
    return out;
  }
  std::uint8_t byte() {
    const std::string_view text = take(1);
    return text.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(text[0]);
  }
  std::uint32_t big(int width) {
    std::uint32_t out = 0;
    for (int i = 0; i < width; ++i) out = out << 8 | byte();
    return out;
  }
  std::uint32_t little(int width) {
    std::uint32_t out = 0;
    for (int i = 0; i < width; ++i) out |= std::uint32_t{byte()} << (8 * i);
    return out;
  }
};

constexpr std::string_view exif_mark("Exif\0\0", 6);

/// What is said of a file's direction, one block of metadata after the other.
class Upright {
 public:
  void exif(std::string_view tiff) {
    if (tiff.starts_with(exif_mark)) tiff.remove_prefix(exif_mark.size());
    good_ = good_ && ++exifs_ == 1 && orientation(tiff, {}) == 1;
  }
  /// Readers of XMP differ: some parse it, some search for words. So only these two forms will do.
  void xmp(std::string_view text) {
    constexpr std::string_view name = "Orientation";
    for (auto at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
      const std::string_view before = text.substr(0, at);
      const std::string_view behind = text.substr(at + name.size());
      const bool closes = before.ends_with("</tiff:") && behind.starts_with(">");
      const bool is_one =
          before.ends_with("tiff:") && (behind.starts_with("=\"1\"") || behind.starts_with(">1<"));
      good_ = good_ && (closes || is_one);
    }
  }
  void unknown() { good_ = false; }
  [[nodiscard]] bool good() const { return good_; }

 private:
  bool good_ = true;
  int exifs_ = 0;
};

// JPEG
// --------------------------------------------------------------------------------------------------------------

/// A baseline or progressive frame of 8-bit samples, grey or of three components that are no plain RGB.
bool is_plain_frame(std::uint8_t marker, Bytes segment) {
  if (marker > 0xC2) return false;
  const bool is_8_bit = segment.big(1) == 8;
  segment.take(4);  // height, width
  const std::uint32_t components = segment.big(1);
  std::string ids;
  for (std::uint32_t i = 0; i < components && segment.good; ++i) {
    ids += segment.take(1);
    segment.take(2);
  }
  return is_8_bit && segment.good && (components == 1 || components == 3) && ids != "RGB";
}

/// The segments before the first scan and between scans; true where they are all of a plain file.
class JpegWalk {
 public:
  explicit JpegWalk(std::string_view bytes) : in_{bytes} {}

  bool plain() {
    if (in_.big(2) != 0xFFD8) return false;
    while (in_.good) {
      if (in_.byte() != 0xFF) return false;
      const std::uint8_t marker = in_.byte();
      if (marker == 0xD9) return frames_ == 1 && scanned_ && upright_.good();
      const std::uint32_t length = in_.big(2);
      if (length < 2) return false;
      const std::string_view segment = in_.take(length - 2);
      if (!in_.good || !fits(marker, segment)) return false;
      if (marker == 0xDA) skip_scan();
    }
    return false;
  }

 private:
  bool fits(std::uint8_t marker, std::string_view segment) {
    const bool is_table = marker == 0xC4 || marker == 0xDB || marker == 0xDD || marker == 0xFE;
    if (is_table) return true;
    if (marker == 0xDA) return scanned_ = frames_ == 1;
    if (marker >= 0xC0 && marker <= 0xCF) return ++frames_ == 1 && is_plain_frame(marker, {segment});
    if (marker < 0xE0 || marker > 0xEF || scanned_) return false;
    return fits_application(marker, segment);
  }

  bool fits_application(std::uint8_t marker, std::string_view segment) {
    constexpr std::string_view xmp_mark("http://ns.adobe.com/xap/1.0/\0", 29);
    if (marker == 0xE1 && segment.starts_with("Exif"))
      segment.starts_with(exif_mark) ? upright_.exif(segment) : upright_.unknown();
    if (marker == 0xE1 && segment.starts_with(xmp_mark)) upright_.xmp(segment.substr(xmp_mark.size()));
    if (marker == 0xE2 && segment.starts_with(std::string_view("MPF\0", 4)))
      return false;  // more pictures behind
    if (marker != 0xEE || !segment.starts_with("Adobe")) return true;
    return segment.size() >= 12 && segment[11] == 1;  // three components are YCbCr
  }

  /// To the next marker that is neither a stuffed byte nor a restart.
  void skip_scan() {
    while (in_.rest.size() >= 2) {
      const auto next = in_.rest.find('\xFF');
      if (next == std::string_view::npos || next + 1 >= in_.rest.size()) break;
      const auto marker = static_cast<std::uint8_t>(in_.rest[next + 1]);
      const bool is_data = marker == 0 || (marker >= 0xD0 && marker <= 0xD7);
      in_.take(next + (is_data ? 2 : 0));
      if (!is_data) return;
    }
    in_.good = false;
  }

  Bytes in_;
  Upright upright_;
  int frames_ = 0;
  bool scanned_ = false;
};

// PNG
// ---------------------------------------------------------------------------------------------------------------

class PngWalk {
 public:
  explicit PngWalk(std::string_view bytes) : in_{bytes} {}

  bool plain() {
    in_.take(8);
    while (in_.good) {
      const std::uint32_t length = in_.big(4);
      const std::string_view type = in_.take(4);
      const std::string_view data = in_.take(length);
      in_.take(4);  // checksum
      if (!in_.good || !fits(type, data)) return false;
      if (type == "IEND")
        return in_.rest.empty() && headers_ == 1 && has_palette_ == needs_palette_ && upright_.good();
    }
    return false;
  }

 private:
  bool fits(std::string_view type, std::string_view data) {
    if (type == "IHDR") return ++headers_ == 1 && fits_header({data});
    if (headers_ != 1) return false;
    if (type == "PLTE") return fits_palette(data);
    if (type == "IDAT" || type == "IEND") return true;
    if (type == "eXIf") upright_.exif(data);
    if (type == "iTXt" || type == "tEXt" || type == "zTXt") text(type, data);
    const bool is_critical = (static_cast<std::uint8_t>(type[0]) & 0x20U) == 0;
    return !is_critical && type != "tRNS" && type != "acTL" && type != "fcTL" && type != "fdAT";
  }

  bool fits_header(Bytes data) {
    data.take(8);  // width, height
    const std::uint32_t depth = data.big(1);
    const std::uint32_t colour = data.big(1);
    needs_palette_ = colour == 3;
    return data.good && depth == 8 && (colour == 0 || colour == 2 || colour == 3);
  }

  /// A pixel that names an entry a palette lacks is another colour to each reader. In a picture of true
  /// colour a palette is advice.
  bool fits_palette(std::string_view data) {
    if (needs_palette_ && (has_palette_ || data.size() != std::size_t{3} * 256)) return false;
    has_palette_ = needs_palette_;
    return true;
  }

  void text(std::string_view type, std::string_view data) {
    const std::string_view key = data.substr(0, data.find('\0'));
    if (key.starts_with("Raw profile type")) upright_.unknown();
    if (key != "XML:com.adobe.xmp") return;
    const bool is_readable = type == "iTXt" && data.size() > key.size() + 1 && data[key.size() + 1] == 0;
    if (!is_readable) return upright_.unknown();
    upright_.xmp(data.substr(key.size() + 1));
  }

  Bytes in_;
  Upright upright_;
  int headers_ = 0;
  bool needs_palette_ = false;
  bool has_palette_ = false;
};

// WebP
// --------------------------------------------------------------------------------------------------------------

class WebpWalk {
 public:
  explicit WebpWalk(std::string_view bytes) : in_{bytes} {}

  bool plain() {
    in_.take(4);  // RIFF
    const std::uint32_t size = in_.little(4);
    in_.take(4);  // WEBP
    if (!in_.good || size != in_.rest.size() + 4) return false;
    while (in_.good && !in_.rest.empty()) {
      const std::string_view type = in_.take(4);
      const std::uint32_t length = in_.little(4);
      const std::string_view data = in_.take(length);
      in_.take(length % 2);
      if (!in_.good || !fits(type, data)) return false;
    }
    return in_.good && pictures_ == 1 && upright_.good();
  }

 private:
  bool fits(std::string_view type, std::string_view data) {
    constexpr std::uint32_t alpha_flag = 0x10;
    constexpr std::uint32_t animation_flag = 0x02;
    if (type == "VP8 ") return ++pictures_ == 1;
    if (type == "VP8L") return ++pictures_ == 1 && is_opaque_lossless({data});
    if (type == "VP8X") return pictures_ == 0 && (Bytes{data}.little(1) & (alpha_flag | animation_flag)) == 0;
    if (type == "EXIF") upright_.exif(data);
    if (type == "XMP ") upright_.xmp(data);
    return type == "EXIF" || type == "XMP " || type == "ICCP";
  }

  static bool is_opaque_lossless(Bytes data) {
    const bool marked = data.byte() == 0x2F;
    const std::uint32_t bits = data.little(4);  // 14 of width, 14 of height, alpha
    return marked && data.good && (bits >> 28 & 1U) == 0;
  }

  Bytes in_;
  Upright upright_;
  int pictures_ = 0;
};

// GIF
// ---------------------------------------------------------------------------------------------------------------

class GifWalk {
 public:
  explicit GifWalk(std::string_view bytes) : in_{bytes} {}

  bool plain() {
    in_.take(6);
    width_ = in_.little(2);
    height_ = in_.little(2);
    const std::uint8_t flags = in_.byte();
    in_.take(2);  // background, aspect
    take_map(flags);
    while (in_.good) {
      const std::uint8_t kind = in_.byte();
      if (kind == 0x3B) return in_.good && frames_ == 1;
      if (kind == 0x21 ? !fits_extension() : kind != 0x2C || !fits_frame()) return false;
    }
    return false;
  }

 private:
  void take_map(std::uint8_t flags) {
    if ((flags & 0x80U) == 0) return;
    colours_ = std::size_t{2} << (flags & 7U);
    in_.take(3 * colours_);
  }
  void skip_blocks() {
    while (in_.good) {
      const std::uint8_t length = in_.byte();
      if (length == 0) return;
      in_.take(length);
    }
  }
  bool fits_extension() {
    constexpr std::uint8_t control = 0xF9;
    const bool is_control = in_.byte() == control;
    const bool is_transparent =
        is_control && in_.rest.size() > 1 && (static_cast<std::uint8_t>(in_.rest[1]) & 1U) != 0;
    skip_blocks();
    return in_.good && !is_transparent;
  }
  /// One that fills the screen, with a map that has every index its data can name.
  bool fits_frame() {
    const bool at_origin = in_.little(4) == 0;
    const bool fills = in_.little(2) == width_ && in_.little(2) == height_;
    take_map(in_.byte());
    const std::uint8_t code_bits = in_.byte();
    skip_blocks();
    return ++frames_ == 1 && in_.good && at_origin && fills && code_bits <= 8 &&
           (std::size_t{1} << code_bits) <= colours_;
  }

  Bytes in_;
  std::uint32_t width_ = 0;
  std::uint32_t height_ = 0;
  std::size_t colours_ = 0;
  int frames_ = 0;
};

}  // namespace

bool is_plain(std::span<const std::byte> bytes) {
  const auto format = detect(bytes);
  if (!format) return false;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  switch (*format) {
    case Format::jpeg:
      return JpegWalk(text).plain();
    case Format::png:
      return PngWalk(text).plain();
    case Format::webp:
      return WebpWalk(text).plain();
    case Format::gif:
      return GifWalk(text).plain();
  }
  return false;
}

}  // namespace holisafe::image
