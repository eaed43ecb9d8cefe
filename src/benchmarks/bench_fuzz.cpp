#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "benchmarks/holisafe.h"
#include "benchmarks/holisafe_statistics.h"

// The input is a holisafe_bench.json.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holisafe::benchmarks;
  HoliSafeCounter counter;
  std::uint64_t items = 0;
  const auto contents = read_row_text(holisafe_format, std::string(reinterpret_cast<const char*>(data), size),
                                      "fuzz/bench.json", [&](const Item& item) {
                                        if (!holisafe::dataset::raw_fields(item.json)) std::abort();
                                        if (item.images().size() != 1) std::abort();
                                        counter.add(item);
                                        ++items;
                                      });
  if (!contents) return 0;
  if (contents->sound != items || items + contents->problems.count() < contents->rows) std::abort();
  if (counter.counts().pairs != items) std::abort();
  return 0;
}
