#include "image/plain.h"

#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/file.h"
#include "image/image.h"

namespace holisafe::image {
namespace {

using namespace std::string_literals;

const std::filesystem::path pictures = std::filesystem::path(HOLISAFE_SOURCE_DIR) / "src/image/testdata";

bool plain(std::string_view bytes) { return is_plain(std::as_bytes(std::span(bytes))); }
Result<Image> pixels(std::string_view bytes, Alpha alpha = Alpha::white) {
  return decode(std::as_bytes(std::span(bytes)), {{}, alpha});
}
std::string picture(const char* name) { return read_file(pictures / name).value(); }

std::string big(std::uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
  return out;
}
std::string little(std::uint32_t value) {
  std::string out;
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift);
  return out;
}
/// A chunk whose checksum nobody looked at: what is_plain() must see all the same.
std::string png_chunk(const std::string& type, const std::string& data) {
  return big(static_cast<std::uint32_t>(data.size())) + type + data + "\0\0\0\0"s;
}
std::string with_png_chunk(const std::string& type, const std::string& data) {
  std::string out = picture("grey.png");
  return out.insert(out.find("IDAT") - 4, png_chunk(type, data));
}
std::string with_jpeg_segment(char marker, const std::string& data) {
  const auto length = static_cast<std::uint32_t>(data.size() + 2);
  return picture("grey.jpg").insert(2, "\xff"s + marker + big(length).substr(2) + data);
}
std::string tiff(char orientation) {
  return "MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"s + orientation + "\0\0\0\0\0\0"s;
}
/// A GIF of one pixel out of a map of four, after these blocks.
std::string gif(const std::string& blocks, const std::string& frame = "\0\0\0\0\x01\0\x01\0\0"s) {
  return "GIF89a\x01\0\x01\0\x81\0\0"s + std::string(12, 'c') + blocks + "," + frame + "\x02\x02\x44\x01\0;"s;
}

TEST(Plain, FilesOfOneUprightOpaqueFrameAre) {
  const std::set<std::string> expected = {"grey.jpg",         "grey.png",        "lossy.webp",
                                          "orientation1.jpg", "progressive.jpg", "subsampled.jpg"};
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(pictures)) {
    if (!entry.is_regular_file() || entry.path().extension() == ".txt") continue;
    const std::string bytes = read_file(entry.path()).value();
    if (plain(bytes)) found.insert(entry.path().filename());
  }
  EXPECT_EQ(found, expected);
  EXPECT_TRUE(plain(gif("")));
  EXPECT_TRUE(pixels(gif("")));
}

TEST(Plain, OfThoseTheDirectionAndTransparencyDoNotMatter) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(pictures)) {
    if (!entry.is_regular_file()) continue;
    const std::string bytes = read_file(entry.path()).value();
    const auto shown = pixels(bytes);
    if (!plain(bytes) || !shown) continue;
    const auto dropped = pixels(bytes, Alpha::drop);
    ASSERT_TRUE(dropped) << entry.path();
    EXPECT_EQ(shown->rgb, dropped->rgb) << entry.path();
  }
}

TEST(Plain, PngsThatReadersSeeDifferentlyAreNot) {
  EXPECT_TRUE(plain(with_png_chunk("tEXt", "Comment\0upright"s)));
  EXPECT_TRUE(plain(with_png_chunk("eXIf", tiff(1))));
  EXPECT_FALSE(plain(with_png_chunk("eXIf", tiff(6))));
  EXPECT_FALSE(plain(with_png_chunk("tRNS", "\0\x01"s)));
  EXPECT_FALSE(plain(with_png_chunk("acTL", "\0\0\0\x02\0\0\0\0"s)));
  EXPECT_FALSE(plain(with_png_chunk("zTXt", "Raw profile type exif\0\0xx"s)));
  EXPECT_FALSE(plain(with_png_chunk("ABCD", "a chunk that must be understood")));
  EXPECT_FALSE(plain(with_png_chunk("iTXt", "XML:com.adobe.xmp\0\0\0\0\0<a tiff:Orientation='6'/>"s)));
  EXPECT_TRUE(plain(with_png_chunk("iTXt", "XML:com.adobe.xmp\0\0\0\0\0<a tiff:Orientation=\"1\"/>"s)));
  EXPECT_FALSE(plain(with_png_chunk("iTXt", "XML:com.adobe.xmp\0\x01\0\0\0zipped"s)));
  EXPECT_FALSE(plain(picture("grey.png") + "more"));
}

TEST(Plain, JpegsThatReadersSeeDifferentlyAreNot) {
  const std::string exif("Exif\0\0", 6);
  const std::string xmp("http://ns.adobe.com/xap/1.0/\0", 29);
  EXPECT_TRUE(plain(with_jpeg_segment('\xe1', exif + tiff(1))));
  EXPECT_FALSE(plain(with_jpeg_segment('\xe1', exif + tiff(3))));
  EXPECT_FALSE(plain(with_jpeg_segment('\xe1', "Exif\0\x01"s + tiff(3))));
  EXPECT_TRUE(plain(with_jpeg_segment('\xe1', xmp + "<tiff:Orientation>1</tiff:Orientation>")));
  EXPECT_FALSE(plain(with_jpeg_segment('\xe1', xmp + "<tiff:Orientation>8</tiff:Orientation>")));
  EXPECT_FALSE(plain(with_jpeg_segment('\xe2', "MPF\0MM"s)));
  EXPECT_TRUE(plain(with_jpeg_segment('\xee', "Adobe\0\x64\0\0\0\0\x01"s)));
  EXPECT_FALSE(plain(with_jpeg_segment('\xee', "Adobe\0\x64\0\0\0\0\0"s)));
  std::string twice = with_jpeg_segment('\xe1', exif + tiff(1));
  twice.insert(2, twice.substr(2, 4 + exif.size() + tiff(1).size()));
  EXPECT_FALSE(plain(twice));
  std::string deep = picture("grey.jpg");
  deep[deep.find("\xff\xc0") + 4] = 12;
  EXPECT_FALSE(plain(deep));
  EXPECT_TRUE(plain(picture("grey.jpg") + "what stands behind the picture"));
}

TEST(Plain, OtherGifsAndWebpsAreNot) {
  EXPECT_FALSE(plain(gif("!\xf9\x04\x01\0\0\0\0"s)));                      // transparent
  EXPECT_TRUE(plain(gif("!\xf9\x04\0\0\0\0\0"s)));                         // a control that is not
  EXPECT_FALSE(plain(gif(",\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0"s)));  // two frames
  EXPECT_FALSE(plain(gif("", "\0\0\0\0\x01\0\x02\0\0"s)));                 // one that does not fit
  const std::string opaque = "\x2f\0\0\0\0pixels!"s;
  const std::string clear = "\x2f\0\0\0\x10pixels!"s;
  const auto webp = [](const std::string& chunks) {
    return "RIFF" + little(static_cast<std::uint32_t>(chunks.size() + 4)) + "WEBP" + chunks;
  };
  const auto chunk = [](const std::string& type, const std::string& data) {
    return type + little(static_cast<std::uint32_t>(data.size())) + data;
  };
  EXPECT_TRUE(plain(webp(chunk("VP8L", opaque))));
  EXPECT_FALSE(plain(webp(chunk("VP8L", clear))));
  EXPECT_FALSE(plain(webp(chunk("VP8L", opaque) + chunk("VP8L", opaque))));
  EXPECT_FALSE(plain(webp(chunk("VP8X", "\x02\0\0\0\0\0\0\0\0\0"s) + chunk("VP8L", opaque))));
  EXPECT_FALSE(plain(webp(chunk("VP8X", "\x10\0\0\0\0\0\0\0\0\0"s) + chunk("VP8L", opaque))));
  EXPECT_TRUE(
      plain(webp(chunk("VP8X", "\x08\0\0\0\0\0\0\0\0\0"s) + chunk("VP8L", opaque) + chunk("EXIF", tiff(1)))));
  EXPECT_FALSE(
      plain(webp(chunk("VP8X", "\x08\0\0\0\0\0\0\0\0\0"s) + chunk("VP8L", opaque) + chunk("EXIF", tiff(6)))));
  EXPECT_FALSE(plain(webp(chunk("VP8L", opaque)) + "more"));
}

TEST(Plain, NoBeginningOfAFileIs) {
  for (const char* name : {"orientation1.jpg", "progressive.jpg", "grey.png", "lossy.webp"}) {
    const std::string whole = picture(name);
    ASSERT_TRUE(plain(whole)) << name;
    for (std::size_t size = 0; size < whole.size(); ++size)
      EXPECT_FALSE(plain(whole.substr(0, size))) << name << size;
  }
}

}  // namespace
}  // namespace holisafe::image
