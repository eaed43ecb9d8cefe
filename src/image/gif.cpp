#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include <gif_lib.h>

#include "image/codec.h"

namespace holisafe::image {
namespace {

struct Input {
  const Source* source;
  std::size_t position = 0;
};

int read_bytes(GifFileType* file, GifByteType* to, int count) {
  auto* input = static_cast<Input*>(file->UserData);
  const std::size_t left = input->source->size() - input->position;
  const std::size_t taken = std::min(left, static_cast<std::size_t>(count));
  std::memcpy(to, input->source->data() + input->position, taken);
  input->position += taken;
  return static_cast<int>(taken);
}

struct Close {
  void operator()(GifFileType* file) const { DGifCloseFile(file, nullptr); }
};
using File = std::unique_ptr<GifFileType, Close>;

tl::unexpected<Error> failure(const Source& source, int code) {
  const char* words = GifErrorString(code);
  const bool truncated = code == D_GIF_ERR_READ_FAILED || code == D_GIF_ERR_EOF_TOO_SOON;
  return reject(source, truncated ? ErrorKind::truncated : ErrorKind::malformed,
                words == nullptr ? "bad GIF" : words);
}

/// Reads up to the first picture; gives the index that is transparent in it, or -1.
Result<int> find_frame(const Source& source, GifFileType* file) {
  int transparent = NO_TRANSPARENT_COLOR;
  for (GifRecordType record{}; DGifGetRecordType(file, &record) == GIF_OK;) {
    if (record == IMAGE_DESC_RECORD_TYPE) {
      if (DGifGetImageHeader(file) != GIF_OK) break;
      return transparent;
    }
    if (record == TERMINATE_RECORD_TYPE)
      return reject(source, ErrorKind::malformed, "expected a picture, found the end");
    if (record != EXTENSION_RECORD_TYPE) continue;
    int code = 0;
    GifByteType* block = nullptr;
    if (DGifGetExtension(file, &code, &block) != GIF_OK) break;
    while (block != nullptr) {
      GraphicsControlBlock control;
      if (code == GRAPHICS_EXT_FUNC_CODE && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK) {
        transparent = control.TransparentColor;
      }
      if (DGifGetExtensionNext(file, &block) != GIF_OK) return failure(source, file->Error);
    }
  }
  return failure(source, file->Error);
}

/// The rows in the order they are stored in.
std::vector<int> row_order(const GifImageDesc& frame) {
  std::vector<int> out;
  if (!frame.Interlace) {
    for (int y = 0; y < frame.Height; ++y) out.push_back(y);
    return out;
  }
  constexpr int starts[] = {0, 4, 2, 1};
  constexpr int steps[] = {8, 8, 4, 2};
  for (int pass = 0; pass < 4; ++pass) {
    for (int y = starts[pass]; y < frame.Height; y += steps[pass]) out.push_back(y);
  }
  return out;
}

/// Colours by index. What the file's map lacks is grey, as in Pillow.
struct Palette {
  const ColorMapObject* map;
  int transparent;
  Alpha policy;

  void put(int index, std::uint8_t* to) const {
    const bool known = map != nullptr && index < map->ColorCount;
    const std::uint8_t alpha = index == transparent ? 0 : 255;
    const auto grey = static_cast<std::uint8_t>(index);
    to[0] = blend(known ? map->Colors[index].Red : grey, alpha, policy);
    to[1] = blend(known ? map->Colors[index].Green : grey, alpha, policy);
    to[2] = blend(known ? map->Colors[index].Blue : grey, alpha, policy);
  }
};

}  // namespace

Result<Decoded> decode_gif(const Source& source, const DecodeOptions& options) {
  Input input{&source};
  int code = 0;
  const File file(DGifOpen(&input, read_bytes, &code));
  if (file == nullptr) return failure(source, code);
  HOLISAFE_TRY(const int transparent, find_frame(source, file.get()));
  const GifImageDesc& frame = file->Image;
  // Pillow widens a screen that its first picture does not fit in.
  const int width = std::max(static_cast<int>(file->SWidth), frame.Left + frame.Width);
  const int height = std::max(static_cast<int>(file->SHeight), frame.Top + frame.Height);
  HOLISAFE_CHECK(check_size(source, options.limits, static_cast<std::uint64_t>(std::max(width, 0)),
                            static_cast<std::uint64_t>(std::max(height, 0))));

  const Palette palette{frame.ColorMap != nullptr ? frame.ColorMap : file->SColorMap, transparent,
                        options.alpha};
  Decoded out{blank(static_cast<std::uint64_t>(width), static_cast<std::uint64_t>(height)), {}, {}};
  const int outside = transparent == NO_TRANSPARENT_COLOR ? 0 : transparent;
  for (std::size_t i = 0; i < out.image.rgb.size(); i += 3) palette.put(outside, out.image.rgb.data() + i);
  std::vector<GifPixelType> line(static_cast<std::size_t>(std::max(frame.Width, 1)));
  for (const int y : row_order(frame)) {
    if (DGifGetLine(file.get(), line.data(), frame.Width) != GIF_OK) return failure(source, file->Error);
    for (int x = 0; x < frame.Width; ++x) {
      palette.put(line[static_cast<std::size_t>(x)], out.image.pixel(frame.Left + x, frame.Top + y));
    }
  }
  return out;
}

}  // namespace holisafe::image
