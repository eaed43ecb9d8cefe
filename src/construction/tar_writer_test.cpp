#include "construction/tar_writer.h"

#include <gmock/gmock.h>

#include "base/input_file.h"
#include "sources/archive.h"

namespace holisafe::construction {
namespace {

using Members = std::vector<std::pair<std::string, std::string>>;

Result<std::string> tar_of(const Members& members) {
  std::string out;
  TarWriter tar([&](std::string_view bytes) -> Result<void> {
    out += bytes;
    return {};
  });
  for (const auto& [name, bytes] : members) {
    HOLISAFE_CHECK(tar.add(name, bytes));
    EXPECT_EQ(tar.size(), out.size());
  }
  HOLISAFE_CHECK(tar.finish());
  return out;
}

TEST(TarWriter, ItsMembersAreReadBack) {
  const std::string folders = std::string(90, 'a') + "/" + std::string(60, 'b') + "/";
  const Members members = {{"00000001.png", std::string(511, 'p')},
                           {"00000001.json", "{}"},
                           {"empty", ""},
                           {"block", std::string(512, '\0')},
                           {std::string(100, 'n'), "hundred"},
                           {folders + "in-two-fields.png", "prefix"},
                           {std::string(101, 'l'), "no slash to cut at"},
                           {folders + folders + "\xc3\xa9.png", "too long for both"}};
  const auto tar = tar_of(members);
  ASSERT_TRUE(tar) << tar.error().message();
  EXPECT_EQ(tar->size() % 512, 0U);
  const auto file = InputFile::made("made.tar", [&](const WritePiece& write) { return write(*tar); });
  ASSERT_TRUE(file);
  const auto archive = sources::Archive::open(*file);
  ASSERT_TRUE(archive) << archive.error().message();
  std::size_t found = 0;
  archive->for_each([&](std::string_view, const sources::Member&) { ++found; });
  EXPECT_EQ(found, members.size());
  for (const auto& [name, bytes] : members) EXPECT_EQ(archive->read(name).value(), bytes) << name;
}

TEST(TarWriter, PaxLengthsCountThemselves) {
  // Where the length's digits grow: 98 to 102 bytes and 998 to 1002 of a record.
  for (std::size_t length = 101; length < 1100; ++length) {
    const std::string name(length, 'x');
    const auto tar = tar_of({{name, "bytes"}});
    const auto file = InputFile::made("made.tar", [&](const WritePiece& write) { return write(*tar); });
    const auto archive = sources::Archive::open(*file);
    ASSERT_TRUE(archive) << length;
    EXPECT_EQ(archive->read(name).value(), "bytes") << length;
  }
}

TEST(TarWriter, RefusesNamesThatLeaveTheFolder) {
  for (const std::string name : {"", "/a", "a/../b", "..", "a//b", "a/", "./a"})
    EXPECT_EQ(tar_of({{name, "x"}}).error().kind, ErrorKind::malformed) << name;
  EXPECT_EQ(tar_of({{std::string("a\0b", 3), "x"}}).error().kind, ErrorKind::malformed);
}

TEST(TarWriter, PassesOnWhatWritingSays) {
  TarWriter tar([](std::string_view) -> Result<void> { return fail(ErrorKind::out_of_space, "full"); });
  EXPECT_EQ(tar.add("a", "b").error().kind, ErrorKind::out_of_space);
  EXPECT_EQ(tar.finish().error().kind, ErrorKind::out_of_space);
}

}  // namespace
}  // namespace holisafe::construction
