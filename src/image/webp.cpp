#include <memory>

#include <webp/decode.h>
#include <webp/demux.h>

#include "image/codec.h"

namespace holisafe::image {
namespace {

struct DeleteDemuxer {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};
struct DeleteDecoder {
  void operator()(WebPAnimDecoder* decoder) const { WebPAnimDecoderDelete(decoder); }
};

std::string chunk(const WebPDemuxer* demuxer, const char* name) {
  WebPChunkIterator iterator;
  std::string out;
  if (WebPDemuxGetChunk(demuxer, name, 1, &iterator) != 0) {
    out.assign(reinterpret_cast<const char*>(iterator.chunk.bytes), iterator.chunk.size);
    WebPDemuxReleaseChunkIterator(&iterator);
  }
  return out;
}

}  // namespace

Result<Decoded> decode_webp(const Source& source, const DecodeOptions& options) {
  const WebPData data{source.data(), source.size()};
  WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
  const std::unique_ptr<WebPDemuxer, DeleteDemuxer> demuxer(WebPDemuxPartial(&data, &state));
  if (demuxer == nullptr || state == WEBP_DEMUX_PARSE_ERROR) {
    return reject(source, ErrorKind::malformed, "expected the chunks of a WebP file");
  }
  if (state != WEBP_DEMUX_DONE) return reject(source, ErrorKind::truncated, "the file ends too early");
  const std::uint32_t width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  const std::uint32_t height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  HOLISAFE_CHECK(check_size(source, options.limits, width, height));

  WebPAnimDecoderOptions decoder_options;
  WebPAnimDecoderOptionsInit(&decoder_options);
  const std::unique_ptr<WebPAnimDecoder, DeleteDecoder> decoder(WebPAnimDecoderNew(&data, &decoder_options));
  std::uint8_t* canvas = nullptr;
  int timestamp = 0;
  if (decoder == nullptr || WebPAnimDecoderGetNext(decoder.get(), &canvas, &timestamp) == 0) {
    return reject(source, ErrorKind::malformed, "expected a picture, found data that does not decode");
  }
  // Without the alpha flag a canvas outside its frames is black, not transparent.
  WebPBitstreamFeatures features;
  const bool has_alpha =
      WebPGetFeatures(source.data(), source.size(), &features) == VP8_STATUS_OK && features.has_alpha != 0;
  const Alpha policy = has_alpha ? options.alpha : Alpha::drop;

  Decoded out{blank(width, height), chunk(demuxer.get(), "EXIF"), chunk(demuxer.get(), "XMP ")};
  if (out.exif.starts_with(std::string_view("Exif\0\0", 6))) out.exif.erase(0, 6);
  for (std::size_t i = 0, pixels = static_cast<std::size_t>(width) * height; i < pixels; ++i) {
    for (std::size_t c = 0; c < 3; ++c)
      out.image.rgb[3 * i + c] = blend(canvas[4 * i + c], canvas[4 * i + 3], policy);
  }
  return out;
}

}  // namespace holisafe::image
