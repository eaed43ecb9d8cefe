#include <cstdint>
#include <string>
#include <string_view>

#include "construction/build_sources.h"
#include "fuzz/input_folder.h"

// The input is a table of pictures. Whatever it holds, its rows are pictures beneath the folder or an error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holisafe;
  static const InputFolder folder("table_source_fuzz");
  static const std::string picture = folder.write("a.png", "picture").string();
  const auto table = folder.write("metadata.jsonl", {reinterpret_cast<const char*>(data), size});
  const auto read = construction::read_table(table.string(), [](const construction::NamedPicture& found) {
    const bool sound = !found.path.empty() && found.file.starts_with(folder.path().string()) &&
                       found.label.value_or(0) < taxonomy::class_count &&
                       found.subcategory.value_or(1) < taxonomy::class_count &&
                       found.subcategory.value_or(1) > 0;
    return sound ? Result<void>() : fail(ErrorKind::internal, "unsound row");
  });
  if (!read && read.error().kind == ErrorKind::internal) __builtin_trap();
  return 0;
}
