#include "exports/source.h"

#include <algorithm>

namespace holisafe::exports {

std::vector<std::vector<const Source*>> by_benchmark(const std::vector<Source>& sources) {
  std::vector<std::vector<const Source*>> out;
  for (const Source& source : sources) {
    const auto place = std::find_if(out.begin(), out.end(), [&](const auto& group) {
      return group.front()->benchmark == source.benchmark;
    });
    if (place == out.end()) {
      out.push_back({&source});
    } else {
      place->push_back(&source);
    }
  }
  return out;
}

std::vector<std::vector<report::ScoredRun>> by_judge(const std::vector<const Source*>& sources) {
  std::vector<std::vector<report::ScoredRun>> out;
  for (const Source* source : sources) {
    for (report::ScoredRun score : source->scores) {
      score.name = source->name;
      const auto place = std::find_if(out.begin(), out.end(), [&](const auto& group) {
        return group.front().score.judge == score.score.judge && group.front().score.mode == score.score.mode;
      });
      if (place == out.end()) {
        out.push_back({std::move(score)});
      } else {
        place->push_back(std::move(score));
      }
    }
  }
  return out;
}

}  // namespace holisafe::exports
