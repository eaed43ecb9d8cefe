// The imagefolder that Hugging Face's datasets loads: a folder a side, with a row a pair in its
// metadata.jsonl.
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "construction/export_formats.h"

namespace holisafe::construction {
namespace {

std::string side_folder(Side side) { return side == Side::bench ? "data/test" : "data/train"; }

Result<void> write_side(ExportFolder& folder, Side side) {
  const std::string under = side_folder(side);
  return folder.write_rows(under + "/metadata.jsonl", side, ExportFolder::RowsAs::lines,
                           [&](const PairWithImage& exported) -> Result<nlohmann::ordered_json> {
                             HOLISAFE_TRY(const std::string file,
                                          folder.place_picture(under, exported.image));
                             nlohmann::ordered_json row = {{"file_name", file},
                                                           {"id", exported.pair.id},
                                                           {"instruction", exported.pair.instruction},
                                                           {"response", exported.pair.response}};
                             add_labels(row, exported);
                             return row;
                           });
}

Result<void> write_imagefolder(ExportFolder& folder) {
  HOLISAFE_CHECK(write_side(folder, Side::train));
  return write_side(folder, Side::bench);
}

std::string imagefolder_picture_name(const ExportFolder& folder, const PairWithImage& exported) {
  return fmt::format("{}/{}", side_folder(exported.image.side), folder.place_of(exported.image));
}

CardFiles imagefolder_files(Side side) {
  return {"default", side == Side::bench ? "test" : "train", side_folder(side) + "/**"};
}

}  // namespace

const ExportFormat imagefolder_export{
    "imagefolder", write_imagefolder, imagefolder_picture_name, imagefolder_files,
    "- `data/train/` and `data/test/`: the pairs for training and for benchmarking; `metadata.jsonl` has a "
    "row a "
    "pair, whose `file_name` is a path beside it. A picture stands in several rows.\n"};

}  // namespace holisafe::construction
