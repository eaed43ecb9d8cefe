// The table of formats: what `--formats` takes, and who writes it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "exports/print_table.h"
#include "exports/row_lines.h"
#include "figures/drawing.h"

namespace holisafe::exports {

/// A line of the table; a format writes one kind of thing. Its name is the ending of its files. Static
/// lifetime.
struct Format {
  std::string_view name;
  const RowFormat* rows = nullptr;  ///< of a file of rows
  /// A file of tables to print.
  std::string (*tables)(std::span<const PrintTable> tables, const Remarks& remarks) = nullptr;
  /// A figure.
  Result<std::string> (*figure)(const figures::Drawing& drawing) = nullptr;
};

std::span<const Format> formats();
std::vector<std::string> format_names();
/// Those of these names, each once, in the order of the table. Error: usage (no such format).
Result<std::vector<const Format*>> formats_named(std::span<const std::string> names);

/// Whether a format is among some.
bool has(std::span<const Format* const> some, std::string_view name);

}  // namespace holisafe::exports
