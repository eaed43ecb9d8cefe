#include "construction/export_formats.h"

#include <array>

#include <fmt/format.h>

namespace holisafe::construction {

std::span<const ExportFormat* const> export_formats() {
  static constexpr std::array<const ExportFormat*, 3> all = {&holisafe_export, &imagefolder_export,
                                                             &webdataset_export};
  return all;
}

std::vector<std::string> export_format_names() {
  std::vector<std::string> out;
  for (const ExportFormat* format : export_formats()) out.emplace_back(format->name);
  return out;
}

Result<const ExportFormat*> export_format_named(std::string_view name) {
  for (const ExportFormat* format : export_formats()) {
    if (format->name == name) return format;
  }
  return fail(ErrorKind::usage, "no such format", "--format",
              fmt::format("expected one of {}, found \"{}\"", fmt::join(export_format_names(), ", "), name));
}

}  // namespace holisafe::construction
