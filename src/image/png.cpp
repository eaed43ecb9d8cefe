#include <csetjmp>
#include <cstring>
#include <string>
#include <vector>

#include <png.h>

#include "image/codec.h"

namespace holisafe::image {
namespace {

/// What libpng's callbacks share with the decoder.
struct State {
  const Source* source;
  std::size_t position = 0;
  bool truncated = false;
  char message[200] = {};
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* state = static_cast<State*>(png_get_error_ptr(png));
  std::strncpy(state->message, message, sizeof state->message - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep to, png_size_t count) {
  auto* state = static_cast<State*>(png_get_io_ptr(png));
  if (state->source->size() - state->position < count) {
    state->truncated = true;
    png_error(png, "the file ends too early");
  }
  std::memcpy(to, state->source->data() + state->position, count);
  state->position += count;
}

struct Session {
  State state;
  png_structp png = nullptr;
  png_infop info = nullptr;
  explicit Session(const Source& source) {
    state.source = &source;
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, on_error, on_warning);
    if (png != nullptr) info = png_create_info_struct(png);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { png_destroy_read_struct(&png, &info, nullptr); }
};

template <class Step>
bool guarded(Session& session, Step step) {
  if (setjmp(png_jmpbuf(session.png)) != 0) return false;
  step();
  return true;
}

tl::unexpected<Error> failure(const Source& source, const Session& session) {
  return reject(source, session.state.truncated ? ErrorKind::truncated : ErrorKind::malformed,
                session.state.message);
}

/// How rows come out of libpng: samples of 8 bits, or of 16 where grey ones are kept whole.
struct Layout {
  int colour_type = 0;
  int depth = 0;
  std::size_t row_bytes = 0;
  png_colorp palette = nullptr;
  int palette_size = 0;
  png_bytep palette_alpha = nullptr;
  int palette_alpha_size = 0;
  png_color_16p transparent = nullptr;
};

std::uint8_t high_byte(const std::uint8_t* sample) { return sample[0]; }

/// Pillow reads 16-bit grey as such and clips it on its way to RGB.
std::uint8_t clipped(const std::uint8_t* sample) { return sample[0] != 0 ? 255 : sample[1]; }

class RowReader {
 public:
  RowReader(const Layout& layout, Alpha policy) : layout_(layout), policy_(policy) {}

  void convert(const std::uint8_t* from, std::uint8_t* to, int width) const {
    for (int x = 0; x < width; ++x, to += 3) pixel(from, x, to);
  }

 private:
  void pixel(const std::uint8_t* row, int x, std::uint8_t* to) const {
    const std::size_t bytes = layout_.depth == 16 ? 2 : 1;
    const auto at = static_cast<std::size_t>(x);
    switch (layout_.colour_type) {
      case PNG_COLOR_TYPE_PALETTE:
        return palette(row[at], to);
      case PNG_COLOR_TYPE_GRAY:
        return grey(row + at * bytes, to);
      case PNG_COLOR_TYPE_GRAY_ALPHA: {
        const std::uint8_t* from = row + 2 * at * bytes;
        return put(to, from[0], from[0], from[0], high_byte(from + bytes));
      }
      case PNG_COLOR_TYPE_RGB:
        return rgb(row + 3 * at * bytes, bytes, to);
      default: {
        const std::uint8_t* from = row + 4 * at * bytes;
        return put(to, from[0], from[bytes], from[2 * bytes], from[3 * bytes]);
      }
    }
  }

  void put(std::uint8_t* to, std::uint8_t r, std::uint8_t g, std::uint8_t b, std::uint8_t alpha) const {
    to[0] = blend(r, alpha, policy_);
    to[1] = blend(g, alpha, policy_);
    to[2] = blend(b, alpha, policy_);
  }

  /// Entries that the file's palette lacks are grey, as in Pillow.
  void palette(std::uint8_t index, std::uint8_t* to) const {
    const std::uint8_t alpha = index < layout_.palette_alpha_size ? layout_.palette_alpha[index] : 255;
    if (index >= layout_.palette_size) return put(to, index, index, index, alpha);
    const png_color& colour = layout_.palette[index];
    put(to, colour.red, colour.green, colour.blue, alpha);
  }

  void grey(const std::uint8_t* from, std::uint8_t* to) const {
    const bool wide = layout_.depth == 16;
    const unsigned value = wide ? from[0] * 256U + from[1] : from[0];
    const std::uint8_t sample = wide ? clipped(from) : from[0];
    const bool hidden = layout_.transparent != nullptr && value == layout_.transparent->gray;
    put(to, sample, sample, sample, hidden ? 0 : 255);
  }

  void rgb(const std::uint8_t* from, std::size_t bytes, std::uint8_t* to) const {
    const auto value = [&](std::size_t c) {
      return bytes == 2 ? from[2 * c] * 256U + from[2 * c + 1] : static_cast<unsigned>(from[c]);
    };
    const bool hidden = layout_.transparent != nullptr && value(0) == layout_.transparent->red &&
                        value(1) == layout_.transparent->green && value(2) == layout_.transparent->blue;
    put(to, from[0], from[bytes], from[2 * bytes], hidden ? 0 : 255);
  }

  const Layout& layout_;
  Alpha policy_;
};

/// Asks libpng for whole samples and learns how rows will look. tRNS of grey below 8 bits scales with the
/// samples.
void prepare(png_structp png, png_infop info, Layout& layout) {
  layout.colour_type = png_get_color_type(png, info);
  layout.depth = png_get_bit_depth(png, info);
  png_get_PLTE(png, info, &layout.palette, &layout.palette_size);
  int count = 0;
  png_get_tRNS(png, info, &layout.palette_alpha, &count, &layout.transparent);
  if (layout.colour_type == PNG_COLOR_TYPE_PALETTE) {
    layout.palette_alpha_size = layout.palette_alpha == nullptr ? 0 : count;
    layout.transparent = nullptr;
    png_set_packing(png);
  } else if (layout.depth < 8) {
    if (layout.transparent != nullptr) {
      layout.transparent->gray = static_cast<png_uint_16>(
          (layout.transparent->gray & ((1 << layout.depth) - 1)) * (255 / ((1 << layout.depth) - 1)));
    }
    png_set_expand_gray_1_2_4_to_8(png);
  }
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  layout.row_bytes = png_get_rowbytes(png, info);
}

/// "Raw profile type exif", as ImageMagick writes EXIF into text: three lines, then hexadecimal digits.
std::string raw_profile(std::string_view text) {
  for (int line = 0; line < 3; ++line) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  std::string out;
  int high = -1;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) continue;
    if (high < 0)
      high = digit;
    else
      out += static_cast<char>(std::exchange(high, -1) * 16 + digit);
  }
  return out;
}

void collect_metadata(png_structp png, png_infop info, Decoded& out) {
  png_uint_32 size = 0;
  png_bytep exif = nullptr;
  if (png_get_eXIf_1(png, info, &size, &exif) != 0)
    out.exif.assign(reinterpret_cast<const char*>(exif), size);
  png_textp texts = nullptr;
  const int count = png_get_text(png, info, &texts, nullptr);
  for (int i = 0; i < count; ++i) {
    const std::string_view key = texts[i].key;
    const std::size_t length = texts[i].text_length != 0 ? texts[i].text_length : texts[i].itxt_length;
    const std::string_view text(texts[i].text, length);
    if (key == "XML:com.adobe.xmp") out.xmp = text;
    if (key == "Raw profile type exif" && out.exif.empty()) out.exif = raw_profile(text);
  }
  if (out.exif.starts_with(std::string_view("Exif\0\0", 6))) out.exif.erase(0, 6);
}

struct Writer {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, on_warning);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { png_destroy_write_struct(&png, &info); }
};

}  // namespace

Result<Decoded> decode_png(const Source& source, const DecodeOptions& options) {
  Session session(source);
  if (session.info == nullptr) return reject(source, ErrorKind::out_of_memory, "not enough memory");
  png_structp png = session.png;
  png_infop info = session.info;
  State* state = &session.state;
  const bool headed = guarded(session, [=] {
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // our own limits have better words
    png_set_read_fn(png, state, read_bytes);
    png_read_info(png, info);
  });
  if (!headed) return failure(source, session);
  const png_uint_32 width = png_get_image_width(png, info);
  const png_uint_32 height = png_get_image_height(png, info);
  HOLISAFE_CHECK(check_size(source, options.limits, width, height));

  Layout layout;
  if (!guarded(session, [=, &layout] { prepare(png, info, layout); })) return failure(source, session);
  Decoded out{blank(width, height), {}, {}};
  // Of an interlaced picture all rows come at once; else one after the other through one row's memory.
  const bool interlaced = png_get_interlace_type(png, info) != PNG_INTERLACE_NONE;
  std::vector<std::uint8_t> pixels(layout.row_bytes * (interlaced ? height : 1));
  std::vector<png_bytep> rows(height);
  for (std::size_t y = 0; y < rows.size(); ++y)
    rows[y] = pixels.data() + (interlaced ? y * layout.row_bytes : 0);
  png_bytepp row_data = rows.data();
  const RowReader reader(layout, options.alpha);
  Image* image = &out.image;
  const auto convert = [&reader, image, row_data](int y) {
    reader.convert(row_data[y], image->pixel(0, y), image->width);
  };
  const bool decoded = guarded(session, [=] {
    if (interlaced) png_read_image(png, row_data);
    for (int y = 0; y < image->height; ++y) {
      if (!interlaced) png_read_row(png, row_data[y], nullptr);
      convert(y);
    }
    png_read_end(png, info);
  });
  if (!decoded) return failure(source, session);
  collect_metadata(png, info, out);
  return out;
}

Result<std::string> encode_png(const Image& image) {
  Writer writer;
  std::string out;
  if (writer.info == nullptr) return fail(ErrorKind::out_of_memory, "cannot encode PNG");
  if (setjmp(png_jmpbuf(writer.png)) != 0) return fail(ErrorKind::internal, "cannot encode PNG");
  png_set_write_fn(
      writer.png, &out,
      [](png_structp png, png_bytep bytes, png_size_t count) {
        static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<const char*>(bytes), count);
      },
      nullptr);
  png_set_IHDR(writer.png, writer.info, static_cast<png_uint_32>(image.width),
               static_cast<png_uint_32>(image.height), 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(writer.png, writer.info);
  for (int y = 0; y < image.height; ++y) png_write_row(writer.png, image.pixel(0, y));
  png_write_end(writer.png, nullptr);
  return out;
}

}  // namespace holisafe::image
