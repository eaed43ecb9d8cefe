// Tables for the terminal.
#pragma once

#include <string>
#include <vector>

namespace holisafe::cli {

using TableLine = std::vector<std::string>;

/// Columns as wide as their widest text: the first to the left, the others to the right, two spaces between.
/// Lines may be of different lengths; each ends with a newline. Text is UTF-8, a character taken for one
/// column; what would steer the terminal is escaped.
std::string text_table(std::vector<TableLine> lines);

}  // namespace holisafe::cli
