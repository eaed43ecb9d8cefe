#include <csetjmp>
#include <cstdio>
#include <string>
#include <vector>

// jpeglib.h needs cstdio before it.
#include <jerror.h>
#include <jpeglib.h>

#include "image/codec.h"
#include "image/jpeg_scans.h"

namespace holisafe::image {
namespace {

/// libjpeg reports errors by a callback that must not return: it jumps back to the decoder.
struct ErrorState {
  jpeg_error_mgr manager;  // first: libjpeg hands out a pointer to it
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
  bool truncated;
};

[[noreturn]] void on_error(j_common_ptr info) {
  auto* state = reinterpret_cast<ErrorState*>(info->err);
  info->err->format_message(info, state->message);
  std::longjmp(state->jump, 1);
}

/// Warnings (level -1) are fine but for the end of the file: half a picture is not the picture.
void on_message(j_common_ptr info, int level) {
  auto* state = reinterpret_cast<ErrorState*>(info->err);
  if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF) {
    state->truncated = true;
    on_error(info);
  }
}

/// The decompressor with what must survive a jump; freed however decoding ends.
struct Session {
  jpeg_decompress_struct info{};
  ErrorState error{};
  Session() {
    info.err = jpeg_std_error(&error.manager);
    error.manager.error_exit = on_error;
    error.manager.emit_message = on_message;
    jpeg_create_decompress(&info);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { jpeg_destroy_decompress(&info); }
};

/// Runs libjpeg calls; false if one of them failed. `step` must own nothing that needs a destructor.
template <class Step>
bool guarded(Session& session, Step step) {
  if (setjmp(session.error.jump) != 0) return false;
  step();
  return true;
}

tl::unexpected<Error> failure(const Source& source, const Session& session) {
  return reject(source, session.error.truncated ? ErrorKind::truncated : ErrorKind::malformed,
                session.error.message);
}

/// Payloads of APP1 segments: EXIF (several are one, cut at 64 KB) and XMP.
void collect_metadata(const jpeg_decompress_struct& info, Decoded& out) {
  constexpr std::string_view exif_mark("Exif\0\0", 6);
  constexpr std::string_view xmp_mark("http://ns.adobe.com/xap/1.0/\0", 29);
  for (auto* marker = info.marker_list; marker != nullptr; marker = marker->next) {
    const std::string_view payload(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (payload.starts_with(exif_mark))
      out.exif += payload.substr(exif_mark.size());
    else if (payload.starts_with(xmp_mark) && out.xmp.empty())
      out.xmp = payload.substr(xmp_mark.size());
  }
}

/// Adobe writes CMYK inverted, and Pillow takes every CMYK file so; the conversion to RGB is Pillow's.
void cmyk_row(const std::uint8_t* from, std::uint8_t* to, int width) {
  for (int x = 0; x < width; ++x, from += 4, to += 3) {
    const int light = from[3];  // 255 - (255 - stored)
    for (int c = 0; c < 3; ++c) {
      const int product = (255 - from[c]) * light + 128;
      const int value = light - (((product >> 8) + product) >> 8);
      to[c] = static_cast<std::uint8_t>(value < 0 ? 0 : value);
    }
  }
}

}  // namespace

Result<Decoded> decode_jpeg(const Source& source, const DecodeOptions& options) {
  Session session;
  auto* info = &session.info;
  const bool headed = guarded(session, [&] {
    jpeg_mem_src(info, source.data(), source.size());
    jpeg_save_markers(info, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(info, TRUE);
  });
  if (!headed) return failure(source, session);
  HOLISAFE_CHECK(check_size(source, options.limits, info->image_width, info->image_height));
  HOLISAFE_CHECK(check_scans(source, options.limits, std::uint64_t{info->image_width} * info->image_height,
                             jpeg_has_multiple_scans(info) != 0));
  if (info->num_components != 1 && info->num_components != 3 && info->num_components != 4) {
    return reject(source, ErrorKind::unsupported,
                  "expected 1, 3 or 4 components, found " + std::to_string(info->num_components));
  }

  Decoded out{blank(info->image_width, info->image_height), {}, {}};
  collect_metadata(*info, out);
  const int components = info->num_components;
  std::vector<std::uint8_t> row(static_cast<std::size_t>(info->image_width) * 4);
  std::uint8_t* row_data = row.data();
  Image* image = &out.image;
  const bool decoded = guarded(session, [=] {
    info->out_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_start_decompress(info);
    while (info->output_scanline < info->output_height) {
      std::uint8_t* to = image->pixel(0, static_cast<int>(info->output_scanline));
      JSAMPROW target = components == 3 ? to : row_data;
      jpeg_read_scanlines(info, &target, 1);
      if (components == 4) cmyk_row(row_data, to, image->width);
      if (components == 1) {
        for (int x = 0; x < image->width; ++x, to += 3) to[0] = to[1] = to[2] = row_data[x];
      }
    }
    jpeg_finish_decompress(info);
  });
  if (!decoded) return failure(source, session);
  return out;
}

}  // namespace holisafe::image
