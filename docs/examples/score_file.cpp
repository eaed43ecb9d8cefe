// Scores a prediction file, without LibTorch: score_file FILE [BENCHMARK]
#include <iostream>
#include <string>

#include <holisafe/benchmarks/benchmark.h>
#include <holisafe/runs/score_file.h>

int main(int argc, char** argv) {
  const holisafe::benchmarks::Benchmark* benchmark =
      holisafe::benchmarks::find(argc > 2 ? argv[2] : "holisafe");
  if (argc < 2 || benchmark == nullptr) {
    std::cerr << "usage: score_file FILE [BENCHMARK]\n";
    return 2;
  }
  holisafe::runs::FileScorer scorer({.benchmark = benchmark});
  const auto scored = scorer.score(argv[1]);
  if (!scored) {  // no such file, a row without an answer, …: message() names file, row and field
    std::cerr << scored.error().message() << "\n";
    return 2;
  }
  for (const std::string& warning : scored->warnings) std::cerr << warning << "\n";
  const holisafe::metrics::Score& score = scored->run.score;
  for (std::size_t number = 0; number < score.figures.size(); ++number) {
    const holisafe::metrics::Figure& figure = score.figures[number];
    std::cout << holisafe::metrics::figure_name(*score.definition, number).name << " ";
    if (figure.value) {
      std::cout << *figure.value;
    } else {
      std::cout << "-";  // no row of it was judged
    }
    std::cout << "\n";
  }
  return 0;
}
