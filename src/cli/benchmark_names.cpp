#include "cli/benchmark_names.h"

#include <algorithm>

#include <fmt/format.h>

namespace holisafe::cli {
namespace {

using benchmarks::Benchmark;

constexpr const char* every = "all";

std::vector<std::string> words() {
  auto out = benchmarks::names();
  for (const auto kind : {benchmarks::Kind::safety, benchmarks::Kind::utility}) out.emplace_back(name(kind));
  out.emplace_back(every);
  return out;
}

bool stands_for(const std::string& word, const Benchmark& benchmark) {
  return word == every || word == name(benchmark.kind) || word == benchmark.name;
}

}  // namespace

CLI::Validator are_benchmarks() {
  const std::string list = fmt::format("{{{}}}", fmt::join(words(), ","));
  const auto check = [list](const std::string& text) -> std::string {
    const auto known = words();
    const auto named = CLI::detail::split(text, ',');
    const auto wrong = std::find_if(named.begin(), named.end(), [&](const auto& word) {
      return std::find(known.begin(), known.end(), word) == known.end();
    });
    // As CLI11 says it of a list, which the program reads to name what is nearest.
    return wrong == named.end() ? std::string() : fmt::format("{} not in {}", *wrong, list);
  };
  return CLI::Validator(check, list);
}

std::vector<const Benchmark*> benchmarks_named(const std::string& text) {
  std::vector<const Benchmark*> out;
  for (const std::string& word : CLI::detail::split(text, ',')) {
    for (const Benchmark* each : benchmarks::all()) {
      if (stands_for(word, *each) && std::find(out.begin(), out.end(), each) == out.end())
        out.push_back(each);
    }
  }
  return out;
}

}  // namespace holisafe::cli
