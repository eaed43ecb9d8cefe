// Prints the rows of a file as holisafe::sources reads them, for tests: each row's JSON on a line, or, with
// --pictures, each picture's name, size and SHA-256.
//
//   rows FILE [--pictures] [--base64 COLUMN] [--from ROW]
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/hash.h"
#include "sources/image_source.h"
#include "sources/row_source.h"

namespace {

using namespace holisafe;

struct Options {
  std::string file;
  std::string base64_column;
  bool pictures = false;
  std::uint64_t from = 0;
};

/// All rows, then, in their order, the pictures that were named; names alone are kept meanwhile.
Result<void> print(const Options& options) {
  const std::filesystem::path root = folder_beside(options.file);
  HOLISAFE_TRY(const auto rows, sources::open_rows(options.file, {root, options.base64_column}));
  std::vector<std::string> names;
  std::uint64_t number = 0;
  while (true) {
    HOLISAFE_TRY(const auto piece, rows->next(256));
    if (!piece) break;
    for (const auto& pictures : piece->pictures) {
      for (const auto& [column, name] : pictures) {
        if (number >= options.from) names.push_back(name);
      }
      ++number;
    }
    if (options.pictures) continue;
    for (const auto text : piece->rows.row_texts()) fmt::print("{}\n", text);
  }
  if (!options.pictures) return {};
  HOLISAFE_TRY(const auto images,
               sources::open_images({sources::ImagePlace::Kind::columns, root, "", options.base64_column}));
  for (const std::string& name : names) {
    HOLISAFE_TRY(const auto image, images->image(name));
    fmt::print("{} {} {}\n", name, image.bytes->size(), hex(sha256(*image.bytes)));
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  const std::vector<std::string> words(argv + 1, argv + argc);
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--pictures") {
      options.pictures = true;
    } else if (words[i] == "--base64" && i + 1 < words.size()) {
      options.base64_column = words[++i];
    } else if (words[i] == "--from" && i + 1 < words.size()) {
      options.from = std::stoull(words[++i]);
    } else {
      options.file = words[i];
    }
  }
  const auto done = print(options);
  if (done) return 0;
  fmt::print(stderr, "{}\n", done.error().message());
  return 2;
}
