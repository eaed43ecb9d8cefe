#include "dataset/csv_table.h"

#include <fmt/format.h>

#include "base/text.h"

namespace holisafe::dataset {

Result<CsvTable> CsvTable::open(InputFile file, char separator) {
  HOLISAFE_TRY(auto reader, CsvReader::open(std::move(file), separator));
  CsvTable out(std::move(reader));
  const CsvReader& head = out.table_;
  HOLISAFE_TRY(const bool found, out.table_.next());
  if (!found || (head.cells() == 1 && strip(head.cell(0)).empty()))
    return fail(ErrorKind::missing, "empty file", head.file().path().string(),
                "expected rows, found nothing");
  for (std::size_t i = 0; i < head.cells(); ++i) out.names_.emplace_back(strip(head.cell(i)));
  return out;
}

Error CsvTable::twice(std::string_view name) const {
  return {ErrorKind::duplicate, "invalid head",
          fmt::format("{}: line {}: {}", file().path().string(), line(), name),
          "expected the field once, found it again"};
}

Result<bool> CsvTable::next() {
  HOLISAFE_TRY(const bool found, table_.next());
  if (!found) return false;
  ++rows_;
  if (table_.cells() == names_.size()) return true;
  return fail(ErrorKind::malformed, "not valid CSV", where(""),
              fmt::format("expected {} cells, as the head has, found {}", names_.size(), table_.cells()));
}

void CsvTable::rewind() {
  table_.rewind();
  static_cast<void>(table_.next());  // the head, as before
  rows_ = 0;
}

std::string CsvTable::where(std::string_view field) const {
  return fmt::format("{}: line {} (row {}){}{}", file().path().string(), line(), rows_,
                     field.empty() ? "" : ": ", field);
}

}  // namespace holisafe::dataset
