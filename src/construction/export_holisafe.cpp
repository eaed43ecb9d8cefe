// HoliSafe's own layout: the bench's side as HoliSafe-Bench is, the training side as LLaVA conversations.
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/text.h"
#include "construction/export_formats.h"
#include "dataset/conversations.h"
#include "dataset/rows.h"

namespace holisafe::construction {
namespace {

using nlohmann::ordered_json;

constexpr const char* images_folder = "images";

/// Each `<image>` in a human turn stands for a picture, of which there is one: a text's own are taken out.
std::string without_placeholders(std::string text) {
  bool found = false;
  for (auto at = text.find(dataset::image_placeholder); at != std::string::npos;
       at = text.find(dataset::image_placeholder, at)) {
    text.erase(at, dataset::image_placeholder.size());
    found = true;
  }
  return found ? std::string(strip(text)) : text;
}

Result<ordered_json> bench_row(ExportFolder& folder, const PairWithImage& exported) {
  HOLISAFE_TRY(const std::string image, folder.place_picture(images_folder, exported.image));
  ordered_json row = {{"id", exported.pair.id}, {"image", image}, {"query", exported.pair.instruction}};
  add_labels(row, exported);
  row["reference"] = exported.pair.response;
  return row;
}

Result<ordered_json> train_row(ExportFolder& folder, const PairWithImage& exported) {
  HOLISAFE_TRY(const std::string image, folder.place_picture(images_folder, exported.image));
  ordered_json row = {{"id", exported.pair.id}, {"image", image}};
  const std::string asked =
      fmt::format("{}\n{}", dataset::image_placeholder, without_placeholders(exported.pair.instruction));
  ordered_json turns = ordered_json::array();
  turns.push_back({{"from", "human"}, {"value", asked}});
  turns.push_back({{"from", "gpt"}, {"value", exported.pair.response}});
  row["conversations"] = std::move(turns);
  add_labels(row, exported);
  return row;
}

constexpr const char* train_file = "train.json";

Result<void> write_holisafe(ExportFolder& folder) {
  const auto rows_of = [&folder](auto to_row) {
    return [&folder, to_row](const PairWithImage& exported) { return to_row(folder, exported); };
  };
  HOLISAFE_CHECK(folder.write_rows(std::string(dataset::bench_file_name), Side::bench,
                                   ExportFolder::RowsAs::array, rows_of(bench_row)));
  return folder.write_rows(train_file, Side::train, ExportFolder::RowsAs::array, rows_of(train_row));
}

std::string holisafe_picture_name(const ExportFolder& folder, const PairWithImage& exported) {
  return folder.place_of(exported.image);
}

CardFiles holisafe_files(Side side) {
  return side == Side::bench ? CardFiles{"bench", "test", std::string(dataset::bench_file_name)}
                             : CardFiles{"train", "train", train_file};
}

}  // namespace

const ExportFormat holisafe_export{
    "holisafe", write_holisafe, holisafe_picture_name, holisafe_files,
    "- `holisafe_bench.json`: the pairs for benchmarking, rows as in HoliSafe-Bench; `reference` is an "
    "answer as it "
    "should be.\n"
    "- `train.json`: the pairs for training, LLaVA conversations with the same labels.\n"
    "- `images/CATEGORY/LABEL/`: the pictures, by what they show; `image` of a row is a path beneath "
    "`images/`.\n"};

}  // namespace holisafe::construction
