#include <cstdint>
#include <string>

#include "runs/score_file.h"

// The input is a prediction file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace runs = holisafe::runs;
  runs::ScoreOptions options;
  options.benchmark = holisafe::benchmarks::find("holisafe");
  options.mode = size % 2 == 0 ? "authors" : "normalized";
  options.allow_missing = size % 4 < 2;
  options.bootstrap.resamples = 2;
  options.for_report = true;
  runs::FileScorer scorer(options);
  static_cast<void>(scorer.score_text(std::string(reinterpret_cast<const char*>(data), size), "fuzz"));
  return 0;
}
