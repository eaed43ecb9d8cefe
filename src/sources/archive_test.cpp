#include "sources/archive.h"

#include <fstream>
#include <iterator>

#include <gmock/gmock.h>

#include "base/file.h"
#include "sources/image_source.h"

namespace holisafe::sources {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path folder = fs::path(HOLISAFE_SOURCE_DIR) / "src/sources/testdata/archives";

Result<Archive> open(const fs::path& path) {
  HOLISAFE_TRY(auto file, InputFile::open(path));
  return Archive::open(std::move(file));
}

/// What tools/fixtures/archives.py put into each.
std::string second() {
  std::string out;
  for (int i = 0; i < 3 * 256; ++i) out += static_cast<char>(i);
  return out;
}

class EachArchive : public testing::TestWithParam<const char*> {};

TEST_P(EachArchive, GivesItsMembers) {
  const auto archive = open(folder / GetParam());
  ASSERT_TRUE(archive) << archive.error().message();
  EXPECT_EQ(archive->read("imgs/1.png").value(), "first");
  EXPECT_EQ(archive->read("imgs/2.png").value(), second());
  EXPECT_EQ(archive->read("imgs/3.png").value(), "");
  EXPECT_TRUE(archive->check("imgs/3.png"));
  const auto none = archive->check("imgs/4.png");
  EXPECT_EQ(none.error().kind, ErrorKind::not_found);
  EXPECT_THAT(none.error().message(), HasSubstr("imgs/4.png: expected it among"));
}

INSTANTIATE_TEST_SUITE_P(Archive, EachArchive,
                         testing::Values("ustar.tar", "gnu.tar", "pax.tar", "program.tar", "stored.zip",
                                         "deflated.zip", "zip64.zip"));

TEST(Archive, LongNamesAndThoseInUtf8) {
  std::string name = "imgs/";
  for (int i = 0; i < 6; ++i) name += "a-folder-with-a-long-name/";
  for (int i = 0; i < 30; ++i) name += "long";
  name += ".png";
  for (const char* file : {"gnu.tar", "pax.tar", "stored.zip", "deflated.zip"}) {
    const auto archive = open(folder / file).value();
    EXPECT_EQ(archive.read(name).value(), "long") << file;
    EXPECT_EQ(archive.read("imgs/\u00e9\u4e2d.png").value(), "utf8") << file;
  }
  EXPECT_EQ(open(folder / "ustar.tar")->read("imgs/" + std::string(90, 'a') + "/b.png").value(), "prefix");
}

TEST(Archive, RefusesWhatIsNoPlainFile) {
  const auto tar = open(folder / "links.tar").value();
  EXPECT_EQ(tar.read("imgs/link.png").error().kind, ErrorKind::unexpected);
  EXPECT_EQ(tar.read("imgs/hard.png").error().kind, ErrorKind::unexpected);
  EXPECT_EQ(tar.read("imgs/1.png").error().kind, ErrorKind::duplicate);
  EXPECT_EQ(tar.read("../outside.png").error().kind, ErrorKind::not_found);
  EXPECT_EQ(tar.read("/absolute.png").error().kind, ErrorKind::not_found);
  const auto zip = open(folder / "link.zip").value();
  EXPECT_EQ(zip.read("imgs/link.png").error().kind, ErrorKind::unexpected);
  EXPECT_EQ(zip.read("../outside.png").error().kind, ErrorKind::not_found);
  EXPECT_EQ(open(folder / "bzip2.zip")->read("imgs/2.png").error().kind, ErrorKind::unsupported);
  EXPECT_EQ(open(folder / "program.tar")->check("imgs/sparse.png").error().kind, ErrorKind::unexpected);
}

class DamagedArchive : public testing::Test {
 protected:
  void SetUp() override {
    place_ = fs::temp_directory_path() / ("holisafe_archive_" + std::to_string(::getpid()));
    fs::create_directories(place_);
  }
  void TearDown() override { fs::remove_all(place_); }
  Result<Archive> open_bytes(std::string_view bytes) {
    std::ofstream(place_ / "a", std::ios::binary) << bytes;
    return open(place_ / "a");
  }
  fs::path place_;
};

TEST_F(DamagedArchive, CutOffAnywhereIsAnError) {
  for (const char* file : {"pax.tar", "deflated.zip", "zip64.zip"}) {
    const std::string whole = read_file(folder / file).value();
    // Behind the last member a tar has zeros alone, of which one block is enough.
    const std::size_t end =
        std::string_view(file) == "pax.tar" ? whole.find_last_not_of('\0') / 512 * 512 + 512 : whole.size();
    for (std::size_t size = 0; size < end; size += 37) {
      const auto archive = open_bytes(std::string_view(whole).substr(0, size));
      ASSERT_FALSE(archive) << file << " of " << size << " bytes";
      EXPECT_THAT(archive.error().message(), HasSubstr((place_ / "a").string())) << size;
    }
  }
}

TEST_F(DamagedArchive, AFlippedByteIsSeenOrHarmless) {
  for (const char* file : {"gnu.tar", "pax.tar", "stored.zip", "deflated.zip", "zip64.zip"}) {
    std::string bytes = read_file(folder / file).value();
    for (std::size_t i = 0; i < bytes.size(); i += 29) {
      bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
      if (const auto archive = open_bytes(bytes)) {
        archive->for_each(
            [&](std::string_view name, const Member&) { static_cast<void>(archive->read(name)); });
      }
      bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
    }
  }
}

TEST_F(DamagedArchive, AnotherByteOfAZipsMemberIsAMismatch) {
  std::string bytes = read_file(folder / "stored.zip").value();
  bytes[bytes.find("first")] = 'F';
  EXPECT_EQ(open_bytes(bytes)->read("imgs/1.png").error().kind, ErrorKind::mismatch);
}

TEST_F(DamagedArchive, SaysWhatLiesThereInstead) {
  EXPECT_THAT(
      open_bytes("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n").error().message(),
      HasSubstr("found a Git LFS pointer"));
  EXPECT_EQ(open_bytes("").error().kind, ErrorKind::truncated);
  EXPECT_EQ(open_bytes("\x1f\x8b...").error().kind, ErrorKind::unsupported);
  EXPECT_EQ(open_bytes(std::string(1024, 'x')).error().kind, ErrorKind::malformed);
}

TEST(ArchiveImages, StandBehindAPrefix) {
  const auto images = open_images({ImagePlace::Kind::archive, folder / "stored.zip", "imgs/"}).value();
  EXPECT_TRUE(images->check("1.png"));
  const auto image = images->image("1.png").value();
  EXPECT_EQ(*image.bytes, "first");
  EXPECT_EQ(image.file, folder / "stored.zip" / "imgs/1.png");
  EXPECT_EQ(images->check("imgs/1.png").error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace holisafe::sources
