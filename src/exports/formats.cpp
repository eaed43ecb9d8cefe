#include "exports/formats.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "exports/markdown.h"
#include "exports/tex.h"
#include "figures/draw.h"

namespace holisafe::exports {
namespace {

constexpr std::array<Format, 6> all_formats = {
    {{.name = "csv", .rows = &csv_rows},
     {.name = "jsonl", .rows = &json_rows},
     {.name = "tex", .tables = tex_tables},
     {.name = "md", .tables = markdown_tables},
     {.name = "svg",
      .figure = [](const figures::Drawing& drawing) { return Result<std::string>(figures::svg(drawing)); }},
     {.name = "pdf", .figure = figures::pdf}}};

}  // namespace

std::span<const Format> formats() { return all_formats; }

std::vector<std::string> format_names() {
  std::vector<std::string> out;
  out.reserve(all_formats.size());
  for (const Format& format : all_formats) out.emplace_back(format.name);
  return out;
}

Result<std::vector<const Format*>> formats_named(std::span<const std::string> names) {
  const auto known = format_names();
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return fail(ErrorKind::usage, "no such format", "--formats",
                  fmt::format("expected some of {}, found \"{}\"", fmt::join(known, ","), name));
    }
  }
  std::vector<const Format*> out;
  for (const Format& format : all_formats) {
    if (std::find(names.begin(), names.end(), format.name) != names.end()) out.push_back(&format);
  }
  return out;
}

bool has(std::span<const Format* const> some, std::string_view name) {
  return std::any_of(some.begin(), some.end(), [&](const Format* format) { return format->name == name; });
}

}  // namespace holisafe::exports
