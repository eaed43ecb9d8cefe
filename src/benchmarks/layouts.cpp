#include "benchmarks/layouts.h"

#include <utility>

#include <fmt/format.h>

#include "sources/hub_files.h"

namespace holisafe::benchmarks {

bool is_file(const std::filesystem::path& path) {
  std::error_code code;
  return std::filesystem::is_regular_file(path, code);
}

bool is_folder(const std::filesystem::path& path) {
  std::error_code code;
  return std::filesystem::is_directory(path, code);
}

Layout rows_beside(std::filesystem::path rows, std::filesystem::path images) {
  return {{{std::move(rows)}}, {sources::ImagePlace::Kind::folder, std::move(images)}};
}

Result<Layout> rows_of_split(const std::filesystem::path& root, const std::filesystem::path& folder,
                             std::string_view split) {
  HOLISAFE_TRY(const auto files, sources::split_files(folder, split));
  Layout out;
  for (const auto& file : files) out.rows.push_back({file});
  out.images = {sources::ImagePlace::Kind::columns, root};
  return out;
}

Error no_layout(std::string_view title, const std::filesystem::path& folder, std::string_view expected) {
  return {ErrorKind::not_found, fmt::format("no {} there", title), folder.string(),
          fmt::format("expected {}, found none of them", expected)};
}

}  // namespace holisafe::benchmarks
