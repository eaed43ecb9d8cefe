#include "base/hash.h"

#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

namespace holisafe {
namespace {

// FIPS 180-4 examples and RFC 4648 section 10.
TEST(Hash, PublishedExamples) {
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const auto encoded = [](const std::string& text) {
    return base64({reinterpret_cast<const std::byte*>(text.data()), text.size()});
  };
  EXPECT_EQ(encoded(""), "");
  EXPECT_EQ(encoded("f"), "Zg==");
  EXPECT_EQ(encoded("fo"), "Zm8=");
  EXPECT_EQ(encoded("foo"), "Zm9v");
  EXPECT_EQ(encoded("foobar"), "Zm9vYmFy");
}

TEST(Hash, PiecesAndFilesGiveTheSame) {
  const std::string text(200'000, 'x');
  Sha256 pieces;
  pieces.update(std::string_view(text).substr(0, 70'001));
  pieces.update("");
  pieces.update(std::string_view(text).substr(70'001));
  EXPECT_EQ(pieces.finish(), sha256(text));
  const auto path = std::filesystem::temp_directory_path() / ("holisafe_hash_" + std::to_string(::getpid()));
  std::ofstream(path) << text;
  EXPECT_EQ(sha256_file(path).value(), sha256(text));
  std::filesystem::remove(path);
  EXPECT_EQ(sha256_file(path).error().kind, ErrorKind::not_found);
  EXPECT_EQ(sha256_file("/").error().kind, ErrorKind::not_a_file);
}

TEST(Base64, ComesBackAsItWas) {
  std::string bytes;
  for (int i = 0; i < 70; ++i) {
    EXPECT_EQ(from_base64(base64(std::as_bytes(std::span(bytes)))).value(), bytes);
    bytes += static_cast<char>(37 * i + 200);
  }
  // Every byte as each of four digits, every twelve bits as each of two pairs.
  std::string all;
  for (int i = 0; i < 4096; ++i) {
    all += static_cast<char>(i >> 4);
    all += static_cast<char>((i & 15) << 4 | i >> 8);
    all += static_cast<char>(i);
  }
  const std::string text = base64(std::as_bytes(std::span(all)));
  EXPECT_EQ(from_base64(text).value(), all);
  const std::string_view known = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int c = 0; c < 256; ++c) {
    for (std::size_t place = 0; place < 4; ++place) {
      std::string other = "AAAABBBB";
      other[place] = static_cast<char>(c);
      EXPECT_EQ(from_base64(other).has_value(), known.find(other[place]) != std::string_view::npos) << c;
    }
  }
  for (const char* other : {"A", "AAA", "AA=A", "A===", "====", "AB==", "AAB=", "A=AA", "AA==AAAA", "AA-_",
                            "AA==\n", " AA=", "\xff\xff\xff\xff"})
    EXPECT_FALSE(from_base64(other)) << other;
}

}  // namespace
}  // namespace holisafe
