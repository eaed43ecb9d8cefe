#include "exports/folder_files.h"

#include <fmt/format.h>

#include "base/file.h"
#include "base/folder.h"
#include "figures/draw.h"

namespace holisafe::exports {

namespace fs = std::filesystem;

Result<void> write_new_folder(const fs::path& place,
                              const std::function<Result<void>(const fs::path& folder)>& write) {
  std::error_code code;
  // A link to an empty folder stays one; "." has a name beside which another can be made.
  fs::path named = fs::weakly_canonical(place, code);
  if (code) return fail(system_error("cannot write", place, code.value()));
  if (!named.has_filename()) named = named.parent_path();
  const auto entries = fs::directory_iterator(named, code);
  if (!code && entries != fs::directory_iterator()) {
    return fail(ErrorKind::unexpected, "cannot export", place.string(),
                fmt::format("expected a new or empty folder, found {}", entries->path().filename().string()));
  }
  if (code && code != std::errc::no_such_file_or_directory)
    return fail(system_error("cannot export", place, code.value()));
  return replace_folder(named, write);
}

Result<void> write_tables(const fs::path& folder, const std::string& name, std::span<const PrintTable> tables,
                          const Remarks& remarks, std::span<const Format* const> formats) {
  for (const Format* format : formats) {
    if (format->tables == nullptr) continue;
    HOLISAFE_CHECK(write_file_atomic(folder / fmt::format("{}.{}", name, format->name),
                                     format->tables(tables, remarks)));
  }
  return {};
}

Result<void> write_figures(const fs::path& folder, std::span<const NamedChart> charts, double width,
                           std::span<const Format* const> formats) {
  for (const NamedChart& named : charts) {
    const figures::Drawing drawing = figures::draw(named.chart, width);
    for (const Format* format : formats) {
      if (format->figure == nullptr) continue;
      HOLISAFE_TRY(const std::string bytes, format->figure(drawing));
      HOLISAFE_CHECK(write_file_atomic(folder / fmt::format("{}.{}", named.name, format->name), bytes));
    }
  }
  return {};
}

}  // namespace holisafe::exports
