// WebDataset: tar files in which the picture and the row of a pair stand together under one key.
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json_line.h"
#include "construction/export_formats.h"
#include "construction/tar_writer.h"

namespace holisafe::construction {
namespace {

std::string_view shard_prefix(Side side) { return side == Side::bench ? "test" : "train"; }

std::string member_name(const ExportFolder& folder, const PairWithImage& exported) {
  return fmt::format("{}.{}", file_stem(exported.pair.id), ending_of(folder.format_of(exported.image)));
}

Result<void> add_sample(ExportFolder& folder, const PairWithImage& exported, TarWriter& tar) {
  HOLISAFE_CHECK(folder.step());
  HOLISAFE_TRY(const ExportFolder::Picture* const picture, folder.picture(exported.image));
  nlohmann::ordered_json row = {{"id", exported.pair.id},
                                {"image", exported.image.id},
                                {"instruction", exported.pair.instruction},
                                {"response", exported.pair.response}};
  add_labels(row, exported);
  HOLISAFE_CHECK(tar.add(member_name(folder, exported), picture->bytes));
  return tar.add(file_stem(exported.pair.id) + ".json", json_line(row));
}

/// Takes pairs, from the one that is at hand on, until the shard is full.
Result<void> write_shard(ExportFolder& folder, const std::filesystem::path& file, ExportedPairs& from,
                         const PairWithImage*& exported) {
  return write_file_atomic(file, [&](const WritePiece& write) -> Result<void> {
    Gathered members(write);
    TarWriter tar([&](std::string_view piece) { return members.add(piece); });
    while (exported != nullptr && (tar.size() == 0 || tar.size() < folder.shard_bytes())) {
      HOLISAFE_CHECK(add_sample(folder, *exported, tar));
      HOLISAFE_TRY(exported, from.next());
    }
    HOLISAFE_CHECK(tar.finish());
    return members.flush();
  });
}

Result<void> write_shards(ExportFolder& folder, Side side) {
  ExportedPairs from = folder.pairs(side);
  HOLISAFE_TRY(const PairWithImage* exported, from.next());
  for (unsigned shard = 0; exported != nullptr; ++shard) {
    const auto file = folder.path() / fmt::format("{}-{:06}.tar", shard_prefix(side), shard);
    HOLISAFE_CHECK(write_shard(folder, file, from, exported));
  }
  return {};
}

Result<void> write_webdataset(ExportFolder& folder) {
  HOLISAFE_CHECK(write_shards(folder, Side::train));
  return write_shards(folder, Side::bench);
}

CardFiles webdataset_files(Side side) {
  return {"default", std::string(shard_prefix(side)), fmt::format("{}-*.tar", shard_prefix(side))};
}

}  // namespace

const ExportFormat webdataset_export{
    "webdataset", write_webdataset, member_name, webdataset_files,
    "- `train-000000.tar` and so on, `test-000000.tar` and so on: the pairs "
    "for training and for benchmarking, a key a "
    "pair with its picture (`jpg`, `png`, `webp` or `gif`) and `json`. "
    "Pairs of one picture hold its bytes each; "
    "`image` in the row numbers the picture. `webdataset` reads them; `datasets` takes "
    "tar files of pictures of one format alone.\n"};

}  // namespace holisafe::construction
