#include "image/image.h"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "image/codec.h"
#include "image/jpeg_scans.h"
#include "image/resize.h"

namespace holisafe::image {
namespace {

namespace fs = std::filesystem;

const fs::path testdata = fs::path(HOLISAFE_SOURCE_DIR) / "src/image/testdata";

std::string fnv(const std::vector<std::uint8_t>& bytes) {
  std::uint64_t value = 0xCBF29CE484222325U;
  for (const std::uint8_t byte : bytes) value = (value ^ byte) * 0x100000001B3U;
  return fmt::format("{:016x}", value);
}

/// The formula of tools/fixtures/image.py.
Image noise(int width, int height) {
  Image out = blank(static_cast<std::uint64_t>(width), static_cast<std::uint64_t>(height));
  std::uint32_t state = static_cast<std::uint32_t>(width) * 65536U + static_cast<std::uint32_t>(height);
  for (std::uint8_t& sample : out.rgb) {
    state = state * 1664525U + 1013904223U;
    sample = static_cast<std::uint8_t>(state >> 24);
  }
  return out;
}

std::string bytes_of(const char* name) { return read_file(testdata / name).value(); }

Result<Image> decode_text(const std::string& bytes, const DecodeOptions& options = {}) {
  return decode(std::as_bytes(std::span(bytes)), options, "test");
}

TEST(Resize, EqualsPillowToTheBit) {
  const std::map<std::string, Filter> filters{{"nearest", Filter::nearest},
                                              {"box", Filter::box},
                                              {"bilinear", Filter::bilinear},
                                              {"bicubic", Filter::bicubic},
                                              {"lanczos", Filter::lanczos}};
  std::ifstream cases(testdata / "resize.txt");
  int width = 0, height = 0, out_width = 0, out_height = 0, count = 0;
  std::string filter, expected;
  while (cases >> width >> height >> out_width >> out_height >> filter >> expected) {
    const Image out = resize(noise(width, height), out_width, out_height, filters.at(filter));
    EXPECT_EQ(fnv(out.rgb), expected)
        << width << "x" << height << " to " << out_width << "x" << out_height << " " << filter;
    ++count;
  }
  EXPECT_EQ(count, 245);
}

TEST(Decode, EqualsPillowToTheBit) {
  std::ifstream cases(testdata / "files.txt");
  std::string name, expected;
  int width = 0, height = 0, count = 0;
  DecodeOptions options;
  options.alpha = Alpha::drop;
  while (cases >> name >> width >> height >> expected) {
    const auto image = load(testdata / name, options);
    ASSERT_TRUE(image) << image.error().message();
    EXPECT_EQ(image->width, width) << name;
    EXPECT_EQ(image->height, height) << name;
    EXPECT_EQ(fnv(image->rgb), expected) << name;
    ++count;
  }
  EXPECT_GT(count, 20);
}

TEST(Decode, TransparencyIsSeenOverWhite) {
  const std::vector<std::uint8_t> white{10, 20, 30, 255, 255, 255, 132, 137, 142, 254, 254, 254};
  const std::vector<std::uint8_t> dropped{10, 20, 30, 10, 20, 30, 10, 20, 30, 0, 0, 0};
  for (const char* name : {"half_alpha.png", "half_alpha.webp"}) {
    EXPECT_EQ(load(testdata / name, {}).value().rgb, white) << name;
    EXPECT_EQ(load(testdata / name, {{}, Alpha::drop}).value().rgb, dropped) << name;
  }
}

TEST(Decode, LimitsAreCheckedFromTheHeader) {
  for (const char* name : {"grey.jpg", "grey.png", "lossy.webp", "interlaced.gif"}) {
    for (const Limits& limits : {Limits{.width = 36}, Limits{.height = 22}, Limits{.pixels = 37 * 23 - 1},
                                 Limits{.file_bytes = 10}}) {
      const auto image = decode_text(bytes_of(name), {limits, Alpha::white});
      ASSERT_FALSE(image);
      EXPECT_EQ(image.error().kind, ErrorKind::too_large) << name;
    }
  }
}

TEST(Decode, BombsAreRefusedBeforeTheirPixelsAreMade) {
  std::string png = bytes_of("grey.png");
  for (const std::size_t at : {16U, 20U}) png.replace(at, 4, std::string("\x00\x00\xff\xff", 4));
  // The header's checksum is made right again: the size alone is at fault.
  std::uint32_t crc = 0xFFFFFFFFU;
  for (std::size_t i = 12; i < 29; ++i) {
    crc ^= static_cast<std::uint8_t>(png[i]);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1U ? 0xEDB88320U : 0U);
  }
  crc = ~crc;
  for (int i = 0; i < 4; ++i) png[static_cast<std::size_t>(29 + i)] = static_cast<char>(crc >> (24 - 8 * i));
  EXPECT_EQ(decode_text(png).error().kind, ErrorKind::too_large);
}

/// progressive.jpg, of another size, with its last scan as often again as asked.
std::string progressive(unsigned size, std::size_t more_scans) {
  std::string out = bytes_of("progressive.jpg");
  const auto frame = out.find("\xff\xc2");
  for (const std::size_t at : {frame + 5, frame + 7}) {
    if (size == 0) break;
    out[at] = static_cast<char>(size >> 8U);
    out[at + 1] = static_cast<char>(size & 255U);
  }
  const auto last = out.rfind("\xff\xda");
  const std::string scan = out.substr(last, out.rfind("\xff\xd9") - last);
  std::string again;
  for (std::size_t i = 0; i < more_scans; ++i) again += scan;
  return out.insert(last, again);
}

TEST(Jpeg, ScansThatNoPictureNeedsAreRefused) {
  const auto some = decode_text(progressive(0, 800));
  ASSERT_TRUE(some) << some.error().message();
  for (const auto& [size, more] : {std::pair{0U, 1000}, std::pair{6000U, 800}}) {
    const auto refused = decode_text(progressive(size, static_cast<std::size_t>(more)));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::too_large);
    EXPECT_NE(refused.error().message().find("scan"), std::string::npos) << refused.error().message();
  }
}

TEST(Jpeg, CoefficientsCountAsMemory) {
  // RGB and coefficients of a picture without subsampling: 9 bytes a pixel.
  std::string whole = progressive(3000, 0);
  whole[whole.find("\xff\xc2") + 11] = '\x11';
  const auto cost = scan_cost(std::as_bytes(std::span(whole)));
  EXPECT_EQ(cost.blocks, 3U * 375 * 375);
  EXPECT_EQ(decode_text(whole, {{.pixels = 9'000'000}, Alpha::white}).error().kind, ErrorKind::too_large);
  const auto room = decode_text(whole, {{.pixels = 14'000'000}, Alpha::white});
  EXPECT_TRUE(room || room.error().kind == ErrorKind::truncated) << room.error().message();
}

TEST(Jpeg, ScansAreCountedAsTheirMarkersStand) {
  // Two components, the first twice as wide; a scan of both, a stuffed 0xFF, a restart, a scan of the second.
  using namespace std::string_literals;
  const std::string text =
      "\xff\xd8\xff\xe0\x00\x04\xff\xda"
      "\xff\xc2\x00\x0e\x08\x00\x10\x00\x20\x02\x01\x21\x00\x02\x11\x00"
      "\xff\xda\x00\x0a\x02\x01\x00\x02\x00\x00\x00\x00\x11\xff\x00\xda\xff\xd0\x22"
      "\xff\xff\xda\x00\x08\x01\x02\x00\x01\x05\x00\x33\xff\xd9\xff\xda\x00\x08\x01\x02\x00\x01\x05\x00"s;
  const auto cost = scan_cost(std::as_bytes(std::span(text)));
  EXPECT_EQ(cost.blocks, 8U + 4U);
  EXPECT_EQ(cost.most_scans, 2U);
  EXPECT_EQ(cost.block_visits, 8U + 4U + 4U);
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_LE(scan_cost(std::as_bytes(std::span(text.data(), size))).most_scans, 2U);
}

TEST(Decode, EveryTruncationIsAnErrorOrAPicture) {
  for (const char* name : {"orientation6.jpg", "progressive.jpg", "palette.png", "lossy.webp",
                           "orientation6.webp", "first_frame.gif"}) {
    const std::string whole = bytes_of(name);
    ASSERT_TRUE(decode_text(whole)) << name;
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto image = decode_text(whole.substr(0, size));
      EXPECT_TRUE(image || !image.error().message().empty()) << name;
    }
    const auto half = decode_text(whole.substr(0, whole.size() / 3));
    EXPECT_FALSE(half) << name;
  }
}

TEST(Decode, ErrorsNameTheFileAndTheFormats) {
  EXPECT_EQ(decode_text("BM not one of ours").error().kind, ErrorKind::unsupported);
  for (const auto& [start, name] : std::vector<std::pair<std::string, std::string>>{
           {std::string("\0\0\0\x1c"
                        "ftypavif",
                        12),
            "AVIF"},
           {std::string("\0\0\0\x18"
                        "ftypmif1\0\0\0\0mif1heic",
                        24),
            "HEIC"},
           {std::string("\0\0\0\x18"
                        "ftypmif1\0\0\0\0mif1miaf",
                        24),
            "HEIF"},
           {std::string("BM????????????\x28\0\0\0", 18), "BMP"},
           {std::string("II*\0", 4), "TIFF"},
           {std::string("\0MRM\0", 5), "raw photograph"},
           {"<?xml version='1.0'?><!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'x'>", "SVG"},
           {"<!-- an icon --><html><svg></svg>", "an HTML page"},
           {"<h1>404 Not Found</h1>", "an HTML page"},
           {"<Error><Code>AccessDenied</Code></Error>", "another format"},
           {"\xEF\xBB\xBF <?xml version='1.0'?>\n<svg>", "SVG"},
           {"\n<!DOCTYPE HTML><body>", "an HTML page"},
           {"%PDF-1.7", "a PDF document"},
           {"version https://git-lfs.github.com/spec/v1\noid sha256:", "Git LFS pointer"},
           {"hello", "another format"}}) {
    const std::string message = decode_text(start).error().message();
    EXPECT_NE(message.find("found " + name), message.find("found a " + name)) << message;
  }
  EXPECT_EQ(decode_text("").error().message(), "cannot decode image: test: the file is empty");
  EXPECT_EQ(load(testdata / "none.png", {}).error().kind, ErrorKind::not_found);
}

TEST(Geometry, CropsPadsAndTurns) {
  const Image image = noise(5, 3);
  const Image inside = crop(image, 1, 1, 2, 2);
  EXPECT_EQ(inside.pixel(0, 0)[1], image.pixel(1, 1)[1]);
  const Image around = crop(image, -1, -2, 7, 7);
  EXPECT_EQ(around.pixel(0, 0)[0], 0);
  EXPECT_EQ(around.pixel(1, 2)[2], image.pixel(0, 0)[2]);
  const Image far = crop(image, 100, 100, 2, 2);
  EXPECT_EQ(far.rgb, std::vector<std::uint8_t>(12, 0));
  const Image square = pad_to_square(image, {9, 8, 7});
  EXPECT_EQ(square.height, 5);
  EXPECT_EQ(square.pixel(4, 0)[2], 7);
  EXPECT_EQ(square.pixel(4, 1)[0], image.pixel(4, 0)[0]);
  EXPECT_EQ(upright(image, 0).rgb, image.rgb);
  EXPECT_EQ(upright(upright(image, 6), 8).rgb, image.rgb);
}

TEST(Encode, PngComesBackAsItWas) {
  const Image image = noise(19, 11);
  const auto png = encode_png(image);
  ASSERT_TRUE(png);
  EXPECT_EQ(decode_text(*png).value().rgb, image.rgb);
}

TEST(Encode, JpegComesBackNearlyAsItWas) {
  Image image = blank(33, 20);
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      image.pixel(x, y)[0] = static_cast<std::uint8_t>(7 * x);
      image.pixel(x, y)[1] = static_cast<std::uint8_t>(12 * y);
      image.pixel(x, y)[2] = 90;
    }
  }
  const auto bytes = encode_jpeg(image, 95);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(*bytes, encode_jpeg(image, 95).value());
  EXPECT_EQ(detect(std::as_bytes(std::span(*bytes))).value(), Format::jpeg);
  const auto back = decode_text(*bytes);
  ASSERT_TRUE(back);
  ASSERT_EQ(back->rgb.size(), image.rgb.size());
  double difference = 0;
  for (std::size_t i = 0; i < image.rgb.size(); ++i) difference += std::abs(image.rgb[i] - back->rgb[i]);
  EXPECT_LT(difference / static_cast<double>(image.rgb.size()), 3);
  EXPECT_LT(encode_jpeg(image, 20).value().size(), bytes->size());
  EXPECT_EQ(encode_jpeg(blank(70'000, 1), 75).error().kind, ErrorKind::internal);
}

TEST(Corpus, NoFuzzInputCrashes) {
  int count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(testdata / "corpus")) {
    if (!entry.is_regular_file()) continue;
    static_cast<void>(load(entry.path(), {}));
    ++count;
  }
  EXPECT_GT(count, 0);
}

}  // namespace
}  // namespace holisafe::image
