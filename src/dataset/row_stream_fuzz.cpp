#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/row_stream.h"
#include "dataset/rows.h"
#include "fuzz/input_folder.h"

// The input is a JSON array, or objects in lines. An array that parses as a whole streams to the same rows.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace dataset = holisafe::dataset;
  static const holisafe::InputFolder folder("row_stream_fuzz");
  const std::string input(reinterpret_cast<const char*>(data), size);
  auto stream = dataset::RowStream::open(folder.write("rows.json", input));
  std::vector<std::string> streamed;
  bool sound = stream.has_value();
  while (sound) {
    const auto rows = stream->next_rows(2);
    sound = rows.has_value();
    if (!sound || !*rows) break;
    for (const std::string_view text : (*rows)->row_texts()) streamed.emplace_back(text);
  }
  const auto whole = dataset::RowFile::parse(input, "fuzz");
  if (!whole) return 0;
  const auto texts = whole->row_texts();
  if (!sound || !std::equal(streamed.begin(), streamed.end(), texts.begin(), texts.end())) std::abort();
  return 0;
}
