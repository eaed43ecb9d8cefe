// Comma-separated values: RFC 4180's quoting, UTF-8, lines that end with LF.
#pragma once

#include <span>
#include <string>

#include "exports/cell.h"

namespace holisafe::exports {

enum class CsvFor {
  programs,
  /// Texts that a spreadsheet would take for a formula (they begin with = + - @ or a tab) have ' before them.
  spreadsheets
};

/// One line. Nothing is an empty field, an empty text is "". Bytes that are not UTF-8 become U+FFFD.
std::string csv_line(std::span<const Cell> cells, CsvFor reader);

}  // namespace holisafe::exports
