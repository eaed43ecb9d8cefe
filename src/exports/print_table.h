// A table to print, before it is LaTeX or Markdown. All text is plain: whoever writes it escapes it.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace holisafe::exports {

struct PrintColumn {
  std::string title;
  bool number = false;                        ///< to the right
  std::optional<bool> higher_is_better = {};  ///< shown as an arrow
};

struct PrintCell {
  std::string text;
  std::string below = {};  ///< on a second line; may be empty
  bool best = false;       ///< of its column
};

/// Rows under a heading, which may be empty.
struct PrintPart {
  std::string heading;
  std::vector<std::vector<PrintCell>> rows;
};

struct PrintTable {
  std::string caption;
  std::vector<PrintColumn> columns;
  std::vector<PrintPart> parts;
};

/// What is said of a table beside its figures, line by line: how it was made.
using Remarks = std::vector<std::string>;

}  // namespace holisafe::exports
