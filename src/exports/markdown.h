// Markdown as GitHub reads it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "exports/print_table.h"

namespace holisafe::exports {

/// The text so that it is shown and is nothing else: no emphasis, link, mention, markup or end of a cell.
std::string markdown_text(std::string_view text);

/// A caption and a pipe table for each part of each table. The remarks are left out: Markdown has no comment
/// that any text could stand in.
std::string markdown_tables(std::span<const PrintTable> tables, const Remarks& remarks);

}  // namespace holisafe::exports
