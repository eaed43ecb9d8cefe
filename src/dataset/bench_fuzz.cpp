#include <cstdint>
#include <cstdlib>
#include <string>

#include "dataset/bench.h"
#include "dataset/statistics.h"

// The input is a holisafe_bench.json.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace dataset = holisafe::dataset;
  const auto bench =
      dataset::parse_bench(std::string(reinterpret_cast<const char*>(data), size), "fuzz/bench.json");
  if (!bench) return 0;
  if (bench->file.row_texts().size() != bench->rows || bench->samples.size() > bench->rows) std::abort();
  for (const dataset::Sample& sample : bench->samples) {
    if (sample.row >= bench->rows || dataset::raw_fields(sample.json).empty()) std::abort();
  }
  if (dataset::statistics(*bench).pairs != bench->samples.size()) std::abort();
  return 0;
}
