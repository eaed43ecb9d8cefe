#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/row_stream.h"
#include "dataset/rows.h"
#include "fuzz/input_folder.h"

// The input is a JSON array. A file that parses as a whole streams to the
// same rows.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace dataset = holisafe::dataset;
  static const holisafe::InputFolder folder("row_stream_fuzz");
  const std::string input(reinterpret_cast<const char*>(data), size);
  auto stream = dataset::RowStream::open(folder.write("rows.json", input));
  if (!stream) std::abort();
  std::vector<std::string> streamed;
  bool sound = true;
  while (sound) {
    auto rows = stream->next(2);
    sound = rows.has_value();
    if (!sound || rows->empty()) break;
    const auto parsed = dataset::RowFile::parse(std::move(*rows), "fuzz");
    if (!parsed) {
      sound = false;  // the stream leaves each value's grammar to others
      break;
    }
    for (const std::string_view text : parsed->row_texts()) streamed.emplace_back(text);
  }
  const auto whole = dataset::RowFile::parse(input, "fuzz");
  if (!whole) return 0;
  const auto texts = whole->row_texts();
  if (!sound || !std::equal(streamed.begin(), streamed.end(), texts.begin(), texts.end())) std::abort();
  return 0;
}
