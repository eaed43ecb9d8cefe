#include "exports/source.h"

#include <algorithm>
#include <utility>

namespace holisafe::exports {

void add_once(std::vector<std::string>& list, std::string text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(std::move(text));
}

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
      score.name = source->title;
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
