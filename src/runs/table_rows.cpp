#include "runs/table_rows.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "dataset/csv.h"
#include "dataset/row_text.h"

namespace holisafe::runs {
namespace {

using benchmarks::TypedColumn;
using dataset::CsvReader;

constexpr std::string_view answer_column = "prediction";

std::string where(const CsvReader& table) {
  return fmt::format("{}: line {}", table.file().path().string(), table.line());
}

/// Whether a cell is an integer as JSON writes it, of a size that any reader takes.
bool is_integer(std::string_view cell) {
  constexpr std::size_t most_digits = 18;
  if (cell.starts_with('-')) cell.remove_prefix(1);
  return !cell.empty() && cell.size() <= most_digits &&
         cell.find_first_not_of("0123456789") == std::string_view::npos &&
         (cell == "0" || !cell.starts_with('0'));
}

struct Column {
  std::string key;                        ///< as JSON
  std::optional<TypedColumn::Kind> kind;  ///< none: text
  bool answer = false;
};

class Head {
 public:
  static Result<Head> read(const CsvReader& table, const benchmarks::Benchmark& benchmark) {
    Head out;
    for (std::size_t i = 0; i < table.cells(); ++i) {
      const std::string name(strip(table.cell(i)));
      Column column{nlohmann::json(name).dump(), std::nullopt, name == answer_column};
      const auto same = [&](const Column& other) { return other.key == column.key; };
      if (std::any_of(out.columns_.begin(), out.columns_.end(), same)) {
        return fail(ErrorKind::duplicate, "invalid head", fmt::format("{}: {}", where(table), name),
                    "expected the field once, found it again");
      }
      for (const TypedColumn& typed : benchmark.columns) {
        if (typed.name == name) column.kind = typed.kind;
      }
      out.names_rows_ = out.names_rows_ || column.answer || name == benchmark.id_field;
      out.columns_.push_back(std::move(column));
    }
    return out;
  }

  [[nodiscard]] bool names_rows() const { return names_rows_; }

  [[nodiscard]] Result<std::string> row(const CsvReader& table) const {
    if (table.cells() != columns_.size()) {
      return fail(
          ErrorKind::malformed, "not valid CSV", where(table),
          fmt::format("expected {} cells, as the head has, found {}", columns_.size(), table.cells()));
    }
    std::string out;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string_view cell = table.cell(i);
      if (cell.empty() && !columns_[i].answer) continue;
      out += fmt::format("{}{}: {}", out.empty() ? "{" : ", ", columns_[i].key, value(columns_[i], cell));
    }
    return (out.empty() ? "{" : out) + "}\n";
  }

 private:
  static std::string value(const Column& column, std::string_view cell) {
    if (column.kind == TypedColumn::Kind::integer && is_integer(cell)) return std::string(cell);
    if (column.kind == TypedColumn::Kind::boolean) {
      std::string word = ascii_lower(cell);
      if (word == "true" || word == "false") return word;
    }
    return nlohmann::json(std::string(cell)).dump();
  }

  std::vector<Column> columns_;
  bool names_rows_ = false;
};

}  // namespace

Result<std::optional<InputFile>> rows_of_table(const InputFile& file,
                                               const benchmarks::Benchmark& benchmark) {
  HOLISAFE_TRY(const bool json, dataset::holds_json_rows(file));
  if (json) return std::optional<InputFile>();
  HOLISAFE_TRY(CsvReader table, CsvReader::open(file));
  const auto found = table.next();
  if (!found || !*found) return std::optional<InputFile>();
  HOLISAFE_TRY(const Head head, Head::read(table, benchmark));
  if (!head.names_rows()) return std::optional<InputFile>();
  HOLISAFE_TRY(bool more, table.next());
  if (!more)
    return fail(ErrorKind::missing, "no rows", file.path().string(),
                "expected at least one row below the head");
  HOLISAFE_TRY(InputFile out, InputFile::made(file.path(), [&](const WritePiece& write) -> Result<void> {
                 while (more) {
                   HOLISAFE_TRY(const std::string row, head.row(table));
                   HOLISAFE_CHECK(write(row));
                   HOLISAFE_TRY(more, table.next());
                 }
                 return {};
               }));
  return std::optional(std::move(out));
}

}  // namespace holisafe::runs
