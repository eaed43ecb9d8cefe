#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "base/hash.h"
#include "sources/hub_files.h"
#include "sources/image_source.h"
#include "sources/row_source.h"

namespace holisafe::sources {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class Sources : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("holisafe_sources_{}", ::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path write(const fs::path& name, std::string_view text) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }

  /// All rows' texts, read two at a time.
  static std::vector<std::string> rows_of(RowSource& source) {
    std::vector<std::string> out;
    while (true) {
      const auto piece = source.next(2);
      if (!piece) return {piece.error().message()};
      if (!*piece) return out;
      EXPECT_EQ((*piece)->first, out.size());
      for (const auto text : (*piece)->rows.row_texts()) out.emplace_back(text);
    }
  }
  std::vector<std::string> rows(const fs::path& file) const {
    const auto source = open_rows(file, {folder_});
    if (!source) return {source.error().message()};
    auto out = rows_of(**source);
    (*source)->rewind();
    EXPECT_EQ(rows_of(**source), out) << "the same again";
    return out;
  }
  fs::path folder_;
};

TEST_F(Sources, TellsFilesByTheirContent) {
  EXPECT_THAT(rows(write("a", R"([{"id": 1}, {"id": 2}, {"id": 3}])")),
              ElementsAre(R"({"id": 1})", R"({"id": 2})", R"({"id": 3})"));
  EXPECT_THAT(rows(write("a", "{\"id\": 1}\n{\"id\": {\"x\": 2}}\n")),
              ElementsAre(R"({"id": 1})", R"({"id": {"x": 2}})"));
  EXPECT_THAT(rows(write("a", "{\"id\": {\"x\": 1}, \"b\": 2}\n")),
              ElementsAre(R"({"id": {"x": 1}, "b": 2})"));
  EXPECT_THAT(rows(write("a", "id,text\r\n1,\"a, \"\"b\"\"\"\r\n2,\n")),
              ElementsAre(R"({"id": "1", "text": "a, \"b\""})", R"({"id": "2", "text": ""})"));
  EXPECT_THAT(rows(write("a", "id\ttext\n1\t\"a\tb\nc\"\n")),
              ElementsAre(R"({"id": "1", "text": "a\tb\nc"})"));
}

TEST_F(Sources, AnObjectOfRowsHasTheirNames) {
  const auto file = write("a.json", "{\n  \"0\": {\"q\": \"\\u00e9\"},\n  \"7\": {\"q\": 2}, \"x\": {}}\n");
  EXPECT_THAT(rows(file), ElementsAre(R"({"q": "\u00e9"})", R"({"q": 2})", "{}"));
  const auto source = open_rows(file, {}).value();
  EXPECT_THAT(source->next(9).value()->keys, ElementsAre("0", "7", "x"));
  EXPECT_EQ(source->digest().value(), sha256_file(file).value());
  EXPECT_THAT(rows(write("b.json", R"({"0": {}, "0": {}})")), ElementsAre(HasSubstr("found \"0\" again")));
}

TEST_F(Sources, FaultsAreNamed) {
  EXPECT_THAT(rows(write("a.parquet", "version https://git-lfs.github.com/spec/v1\n")),
              ElementsAre(HasSubstr("a.parquet: expected the file itself, found a Git LFS pointer")));
  EXPECT_THAT(rows(write("a.parquet", "<html>")),
              ElementsAre(HasSubstr("expected PAR1 at its beginning, found \"<htm\"")));
  EXPECT_THAT(rows(write("a.csv", "")), ElementsAre(HasSubstr("expected rows, found nothing")));
  EXPECT_THAT(rows(write("a.csv", "a,a\n1,2\n")),
              ElementsAre(HasSubstr("line 1: a: expected the field once")));
  EXPECT_THAT(rows(write("a.csv", "a,b\n1,2\n3\n")),
              ElementsAre(HasSubstr("line 3 (row 2): expected 2 cells, as the head has, found 1")));
  EXPECT_THAT(rows(folder_ / "none"), ElementsAre(HasSubstr("none")));
}

TEST_F(Sources, PicturesInATable) {
  const auto base64_of = [](std::string_view text) { return base64(std::as_bytes(std::span(text))); };
  const auto file =
      write("data/set.tsv", fmt::format("index\timage\tq\n0\t{}\ta\n1\t\tb\n2\t{}\tc\n3\t%\td\n",
                                        base64_of("first"), base64_of("third")));
  const auto source = open_rows(file, {folder_, "image"}).value();
  EXPECT_TRUE(source->has_pictures());
  const auto piece = source->next(9).value();
  EXPECT_THAT(piece->rows.row_texts(),
              ElementsAre(R"({"index": "0", "image": "data/set.tsv#0/image", "q": "a"})",
                          R"({"index": "1", "image": null, "q": "b"})",
                          R"({"index": "2", "image": "data/set.tsv#2/image", "q": "c"})",
                          R"({"index": "3", "image": "data/set.tsv#3/image", "q": "d"})"));
  EXPECT_THAT(piece->pictures[0], ElementsAre(Picture("image", "data/set.tsv#0/image")));
  EXPECT_TRUE(piece->pictures[1].empty());
  const auto images = open_images({ImagePlace::Kind::columns, folder_, "", "image"}).value();
  EXPECT_EQ(*images->image("data/set.tsv#2/image")->bytes, "third");
  EXPECT_EQ(*images->image("data/set.tsv#0/image")->bytes, "first") << "backwards";
  EXPECT_THAT(images->image("data/set.tsv#3/image").error().message(),
              HasSubstr("(row 4): image: expected a picture in base64"));
  EXPECT_EQ(images->image("data/set.tsv#9/image").error().kind, ErrorKind::missing);
  EXPECT_EQ(images->image("data/set.tsv#0/q").error().kind, ErrorKind::missing);
  EXPECT_EQ(images->image("../set.tsv#0/image").error().kind, ErrorKind::outside_root);
  EXPECT_EQ(images->image("image.png").error().kind, ErrorKind::not_found);
}

TEST_F(Sources, NamesOfPictures) {
  const std::string name = picture_name("a#b/c.parquet", 12, "image_1");
  EXPECT_EQ(name, "a#b/c.parquet#12/image_1");
  const auto place = parse_picture_name(name).value();
  EXPECT_EQ(place.file, "a#b/c.parquet");
  EXPECT_EQ(place.row, 12U);
  EXPECT_EQ(place.column, "image_1");
  for (const char* other : {"", "#1/a", "a#/b", "a#1", "a#1/", "a#x/b", "a#-1/b", "a#99999999999999999999/b"})
    EXPECT_FALSE(parse_picture_name(other)) << other;
}

TEST_F(Sources, FolderImages) {
  write("images/a.png", "a");
  write("images/pointer.png", "version https://git-lfs.github.com/spec/v1\n");
  write("blobs/0", "blob");
  fs::create_symlink("../blobs/0", folder_ / "images/link.png");
  const auto images = open_images({ImagePlace::Kind::folder, folder_ / "images"}).value();
  EXPECT_TRUE(images->check("a.png") && images->check("link.png"));
  EXPECT_EQ(images->image("link.png")->file, fs::canonical(folder_ / "blobs/0"));
  EXPECT_THAT(images->check("pointer.png").error().message(), HasSubstr("found a Git LFS pointer"));
  EXPECT_EQ(images->check("none.png").error().kind, ErrorKind::not_found);
  EXPECT_EQ(images->check("../blobs/0").error().kind, ErrorKind::outside_root);
}

TEST_F(Sources, FilesOfASplit) {
  for (const char* name :
       {"test-00000-of-00002.parquet", "test-00001-of-00002.parquet", "val-00000-of-00001-0a1b2c3d.parquet",
        "mmstar.parquet", ".hidden.parquet", "odd-0000-of-00001.parquet", "data.json"})
    write(fs::path("data") / name, "");
  EXPECT_THAT(splits_in(folder_ / "data"), ElementsAre("mmstar", "odd-0000-of-00001", "test", "val"));
  EXPECT_TRUE(splits_in(folder_ / "none").empty());
  EXPECT_THAT(split_files(folder_ / "data", "test").value(),
              ElementsAre(folder_ / "data/test-00000-of-00002.parquet",
                          folder_ / "data/test-00001-of-00002.parquet"));
  EXPECT_THAT(split_files(folder_ / "data", "val").value(),
              ElementsAre(folder_ / "data/val-00000-of-00001-0a1b2c3d.parquet"));
  EXPECT_THAT(split_files(folder_ / "data", "dev").error().message(),
              HasSubstr("expected dev-*.parquet, found mmstar, odd-0000-of-00001, test, val"));
  fs::remove(folder_ / "data/test-00000-of-00002.parquet");
  EXPECT_THAT(split_files(folder_ / "data", "test").error().message(),
              HasSubstr("expected test-00000-of-00002.parquet, found 1 of 2 files"));
}

}  // namespace
}  // namespace holisafe::sources
