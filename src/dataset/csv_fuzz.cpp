#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "dataset/csv.h"
#include "fuzz/input_folder.h"

namespace {

using Records = std::vector<std::vector<std::string>>;

/// All records up to the first fault; whether there was none.
bool read(holisafe::dataset::CsvReader& table, Records& out) {
  while (true) {
    const auto found = table.next();
    if (!found || !*found) return found.has_value();
    auto& record = out.emplace_back();
    for (std::size_t i = 0; i < table.cells(); ++i) record.emplace_back(table.cell(i));
  }
}

std::string written(const Records& records) {
  std::string out;
  for (const auto& record : records) {
    for (std::size_t i = 0; i < record.size(); ++i) {
      out += i == 0 ? "\"" : ",\"";
      for (const char c : record[i]) out += c == '"' ? "\"\"" : std::string(1, c);
      out += '"';
    }
    out += "\r\n";
  }
  return out;
}

}  // namespace

// The input is a file of CSV. What is read of it is text, reads the same again, and stays the same when it is
// written and read once more.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace dataset = holisafe::dataset;
  static const holisafe::InputFolder folder("csv_fuzz");
  const auto open = [&](std::string_view bytes) {
    return dataset::CsvReader::open(*holisafe::InputFile::open(folder.write("table.csv", bytes)));
  };
  auto table = open({reinterpret_cast<const char*>(data), size});
  if (!table) return 0;
  Records records;
  const bool sound = read(*table, records);
  for (const auto& record : records) {
    if (record.empty() || record.size() > dataset::CsvReader::most_cells) std::abort();
    for (const auto& cell : record) {
      if (!holisafe::is_utf8(cell) || cell.find('\0') != std::string::npos) std::abort();
    }
  }
  table->rewind();
  Records again;
  if (read(*table, again) != sound || again != records) std::abort();
  auto copy = open(written(records));
  again.clear();
  if (!copy || !read(*copy, again) || again != records) std::abort();
  return 0;
}
