#include "image/other_formats.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/text.h"

namespace holisafe::image {
namespace {

using namespace std::string_view_literals;

struct Signature {
  std::string_view start;
  OtherFormat format;
};

constexpr std::array signatures{
    Signature{"II*\0"sv, {"TIFF", true}},
    Signature{"MM\0*"sv, {"TIFF", true}},
    Signature{"II+\0"sv, {"TIFF", true}},
    Signature{"MM\0+"sv, {"TIFF", true}},
    Signature{"8BPS"sv, {"PSD", true}},
    Signature{"\0\0\1\0"sv, {"ICO", true}},
    Signature{"icns"sv, {"ICNS", true}},
    Signature{"\0\0\0\x0cjP  \r\n\x87\n"sv, {"JPEG 2000", true}},
    Signature{"\xff\x4f\xff\x51"sv, {"JPEG 2000", true}},
    Signature{"\0\0\0\x0cJXL \r\n\x87\n"sv, {"JPEG XL", true}},
    Signature{"\xff\x0a"sv, {"JPEG XL", true}},
    Signature{"II\xbc"sv, {"JPEG XR", true}},
    Signature{"\x8bJNG\r\n\x1a\n"sv, {"JNG", true}},
    Signature{"\x8aMNG\r\n\x1a\n"sv, {"MNG", true}},
    Signature{"BPG\xfb"sv, {"BPG", true}},
    Signature{"qoif"sv, {"QOI", true}},
    Signature{"v/1\1"sv, {"OpenEXR", true}},
    Signature{"#?RADIANCE"sv, {"Radiance HDR", true}},
    Signature{"DDS \x7c\0\0\0"sv, {"DDS", true}},
    Signature{"gimp xcf "sv, {"XCF", true}},
    Signature{"\x0a\5\1\x08"sv, {"PCX", true}},
    Signature{"IIRO"sv, {"a raw photograph", true}},
    Signature{"IIRS"sv, {"a raw photograph", true}},
    Signature{"MMOR"sv, {"a raw photograph", true}},
    Signature{"IIU\0"sv, {"a raw photograph", true}},
    Signature{"II\x1a\0\0\0HEAPCCDR"sv, {"a raw photograph", true}},
    Signature{"\0MRM"sv, {"a raw photograph", true}},
    Signature{"FOVb"sv, {"a raw photograph", true}},
    Signature{"FUJIFILMCCD-RAW"sv, {"a raw photograph", true}},
    Signature{"%PDF-"sv, {"a PDF document", false}},
    Signature{"version https://git-lfs.github.com/spec/"sv,
              {"a Git LFS pointer, not the file itself", false}},
    Signature{"version https://hawser.github.com/spec/"sv, {"a Git LFS pointer, not the file itself", false}},
};

/// ISO base media (ISO 14496-12): a box of brands, of which one is the picture's kind.
std::optional<OtherFormat> media_format(std::string_view start) {
  if (start.size() < 12 || start.substr(4, 4) != "ftyp") return std::nullopt;
  const std::string_view brands = start.substr(8, 56);
  const auto has = [&](std::initializer_list<std::string_view> names) {
    return std::any_of(names.begin(), names.end(),
                       [&](std::string_view each) { return brands.find(each) != std::string_view::npos; });
  };
  if (has({"avif", "avis", "avio"})) return OtherFormat{"AVIF", true};
  if (has({"heic", "heix", "hevc", "hevx", "heim", "heis", "hevm", "hevs"})) return OtherFormat{"HEIC", true};
  if (has({"mif1", "mif2", "msf1", "miaf", "avci", "avcs"})) return OtherFormat{"HEIF", true};
  if (has({"crx "})) return OtherFormat{"a raw photograph", true};
  return OtherFormat{"a film", false};
}

/// BM alone is a weak sign: the header's size behind it must be one of those there are.
std::optional<OtherFormat> bitmap(std::string_view start) {
  if (!start.starts_with("BM") || start.size() < 18) return std::nullopt;
  constexpr std::string_view sizes = "\x0c\x28\x34\x38\x40\x6c\x7c"sv;
  const bool known = sizes.find(start[14]) != std::string_view::npos && start.substr(15, 3) == "\0\0\0"sv;
  return known ? std::optional(OtherFormat{"BMP", true}) : std::nullopt;
}

/// Where the first of these stands; npos where none does.
std::size_t first_of(std::string_view text, std::initializer_list<std::string_view> tags) {
  std::size_t first = std::string_view::npos;
  for (const std::string_view tag : tags) first = std::min(first, text.find(tag));
  return first;
}

std::optional<OtherFormat> markup(std::string_view start) {
  if (start.starts_with(byte_order_mark)) start.remove_prefix(byte_order_mark.size());
  while (const std::size_t size = white_space(start)) start.remove_prefix(size);
  if (!start.starts_with('<')) return std::nullopt;
  const std::string lower = ascii_lower(start);
  const std::size_t svg = first_of(lower, {"<svg", "<!doctype svg"});
  const std::size_t page = first_of(lower, {"<!doctype html", "<html", "<head", "<body", "<title"});
  if (page < svg) return OtherFormat{"an HTML page"};
  if (svg != std::string::npos) return OtherFormat{"SVG", true};
  // Pages of errors often are no whole document.
  const bool part = first_of(lower, {"<h1", "<div", "<p>", "<center", "<script", "<table", "<pre"}) == 0;
  return part ? std::optional(OtherFormat{"an HTML page"}) : std::nullopt;
}

constexpr std::array endings{"jpg"sv, "jpeg"sv, "jpe"sv, "jfif"sv, "jfi"sv, "jif"sv, "pjpeg"sv, "pjp"sv,
                             "mpo"sv, "jps"sv, "png"sv, "apng"sv, "webp"sv, "gif"sv, "heic"sv, "heif"sv,
                             "heics"sv, "heifs"sv, "hif"sv, "avci"sv, "avif"sv, "avifs"sv, "bmp"sv, "dib"sv,
                             "tif"sv, "tiff"sv, "jp2"sv, "j2k"sv, "j2c"sv, "jpc"sv, "jpf"sv, "jpx"sv, "jpm"sv,
                             "jxl"sv, "jxr"sv, "hdp"sv, "wdp"sv, "jng"sv, "mng"sv, "svg"sv, "svgz"sv, "ico"sv,
                             "cur"sv, "icns"sv, "psd"sv, "psb"sv, "xcf"sv, "tga"sv, "pcx"sv, "pbm"sv, "pgm"sv,
                             "ppm"sv, "pnm"sv, "xbm"sv, "xpm"sv, "qoi"sv, "bpg"sv, "exr"sv, "dds"sv,
                             // raw photographs
                             "raw"sv, "dng"sv, "3fr"sv, "arw"sv, "cr2"sv, "cr3"sv, "crw"sv, "dcr"sv, "erf"sv,
                             "fff"sv, "gpr"sv, "iiq"sv, "kdc"sv, "mef"sv, "mos"sv, "mrw"sv, "nef"sv, "nrw"sv,
                             "orf"sv, "pef"sv, "raf"sv, "rw2"sv, "rwl"sv, "sr2"sv, "srf"sv, "srw"sv, "x3f"sv};

}  // namespace

std::optional<OtherFormat> other_format(std::span<const std::byte> bytes) {
  const std::string_view start(reinterpret_cast<const char*>(bytes.data()),
                               std::min(bytes.size(), telling_bytes));
  for (const Signature& signature : signatures) {
    if (start.starts_with(signature.start)) return signature.format;
  }
  for (const auto find : {media_format, bitmap, markup}) {
    if (const auto found = find(start)) return found;
  }
  return std::nullopt;
}

bool has_picture_ending(std::string_view name) {
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  const std::string ending = ascii_lower(name.substr(dot + 1));
  return std::find(endings.begin(), endings.end(), ending) != endings.end();
}

}  // namespace holisafe::image
