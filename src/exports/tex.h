// LaTeX: tables to be \input, with booktabs alone.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "exports/print_table.h"

namespace holisafe::exports {

/// The text so that LaTeX prints it and does nothing else. Control characters and those that turn text round
/// are printed as escapes (base/text.h); characters that pdfLaTeX does not know as U+XXXX there, and as
/// themselves by LuaLaTeX and XeLaTeX, through \holisafecharacter, which tex_tables() defines.
std::string tex_text(std::string_view text);

/// A tabular for each table, the remarks in comments before them.
std::string tex_tables(std::span<const PrintTable> tables, const Remarks& remarks);

}  // namespace holisafe::exports
