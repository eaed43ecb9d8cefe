#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <string>

// jpeglib.h needs cstdio before it.
#include <jpeglib.h>

#include "image/image.h"

namespace holisafe::image {
namespace {

/// libjpeg reports errors by a callback that must not return: it jumps back to the encoder.
struct JpegErrors {
  jpeg_error_mgr manager;  // first: libjpeg hands out a pointer to it
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void jump_back(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  info->err->format_message(info, errors->message);
  std::longjmp(errors->jump, 1);
}

/// The compressor and its output with what must survive a jump; freed however encoding ends.
struct JpegWriter {
  jpeg_compress_struct info{};
  JpegErrors errors{};
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  JpegWriter() {
    info.err = jpeg_std_error(&errors.manager);
    errors.manager.error_exit = jump_back;
    jpeg_create_compress(&info);
  }
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;
  ~JpegWriter() {
    jpeg_destroy_compress(&info);
    std::free(bytes);
  }
};

}  // namespace

Result<std::string> encode_jpeg(const Image& image, int quality) {
  JpegWriter writer;
  jpeg_compress_struct* info = &writer.info;
  if (setjmp(writer.errors.jump) != 0)
    return fail(ErrorKind::internal, "cannot encode JPEG", "", writer.errors.message);
  jpeg_mem_dest(info, &writer.bytes, &writer.size);
  info->image_width = static_cast<JDIMENSION>(image.width);
  info->image_height = static_cast<JDIMENSION>(image.height);
  info->input_components = 3;
  info->in_color_space = JCS_RGB;
  jpeg_set_defaults(info);
  jpeg_set_quality(info, quality, TRUE);
  info->dct_method = JDCT_ISLOW;
  jpeg_start_compress(info, TRUE);
  while (info->next_scanline < info->image_height) {
    auto* row = const_cast<JSAMPLE*>(image.pixel(0, static_cast<int>(info->next_scanline)));
    jpeg_write_scanlines(info, &row, 1);
  }
  jpeg_finish_compress(info);
  return std::string(reinterpret_cast<const char*>(writer.bytes), writer.size);
}

}  // namespace holisafe::image
