// Products with a matrix of LLaVA-7B's feed-forward: how near one row comes to a plain read of the weights,
// and what further rows cost, as decoding makes them, up to an image's.
//
//   ninja -C build decode_rows && build/perf/decode_rows [ROUNDS [amx|avx512|avx2|plain]]
//
// Each pass goes over several matrices, more than the caches hold. Passes of all kinds alternate, round by
// round, and every figure is the median over rounds of a ratio within one round, by wall time and by the
// processor time of the whole process, which says more on a machine that others use. at::linear stands
// beside, with x in the weight's type.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "nn/row_product.h"
#include "nn/stored_matrix.h"
#include "nn/tensor.h"
#include "nn/threads.h"

namespace {

using namespace holisafe;

constexpr std::int64_t out_features = 11008;
constexpr std::int64_t in_features = 4096;
constexpr std::int64_t pass_bytes = std::int64_t{250} << 20;

struct Time {
  double wall = 0;
  double processor = 0;
};

double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

Time timed(const std::function<void()>& work) {
  const double processor = processor_seconds();
  const auto begin = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  return {wall.count(), processor_seconds() - processor};
}

/// As wide as every processor with these instructions reads.
[[gnu::target("avx2")]] std::uint64_t any_bit(const std::uint64_t* from, std::int64_t words) {
  std::uint64_t all[32] = {};
  for (std::int64_t i = 0; i < words; i += 32) {
    for (int j = 0; j < 32; ++j) all[j] |= from[i + j];
  }
  return std::accumulate(std::begin(all), std::end(all), std::uint64_t{0}, std::bit_or());
}

/// Reads a tensor's bytes on all threads and does next to nothing with them.
void read_plainly(const torch::Tensor& tensor) {
  constexpr std::int64_t piece = std::int64_t{1} << 15;  // words
  const auto* const words = static_cast<const std::uint64_t*>(tensor.const_data_ptr());
  const auto count = static_cast<std::int64_t>(tensor.nbytes() / sizeof(std::uint64_t)) / piece;
  static std::atomic<std::uint64_t> kept{0};
  nn::on_threads(count, at::get_num_threads(), [&](nn::Tasks& tasks) {
    while (const auto task = tasks.take()) kept |= any_bit(words + *task * piece, piece);
  });
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// By kind of pass, a time a round.
using Times = std::map<std::string, std::vector<Time>>;

void measure(torch::ScalarType type, const std::vector<torch::Tensor>& matrices, nn::VectorSet set,
             Times& times) {
  const auto pass = [&](const std::string& kind, const std::function<void(const torch::Tensor&)>& one) {
    times[kind].push_back(timed([&] {
      for (const torch::Tensor& matrix : matrices) one(matrix);
    }));
  };
  pass("read", read_plainly);
  for (const std::int64_t rows : {1, 2, 4, 8, 16, 32, 64, 96, 128, 256, 577}) {
    const auto x = at::ones({rows, in_features});
    pass(fmt::format("rows {}", rows), [&](const auto& matrix) { nn::multiply_rows(x, matrix, set); });
    if (const auto stored = nn::stored_product(matrices.front(), set))
      pass(fmt::format("stored {}", rows), [&](const auto& matrix) { stored(x, matrix); });
    const auto narrow = x.to(type);
    if (rows == 1 || rows >= 8)
      pass(fmt::format("at::linear {}", rows), [&](const auto& matrix) { at::linear(narrow, matrix); });
  }
}

void report(const std::string& type, double bytes, const Times& times) {
  const auto ratio = [&](const std::string& of, const std::string& to, double Time::*clock) {
    std::vector<double> out;
    for (std::size_t round = 0; round < times.at(of).size(); ++round)
      out.push_back(times.at(of)[round].*clock / times.at(to)[round].*clock);
    return median(out);
  };
  const auto milliseconds = [&](const std::string& kind, double Time::*clock) {
    std::vector<double> out;
    for (const Time& time : times.at(kind)) out.push_back(1e3 * (time.*clock));
    return median(out);
  };
  fmt::print("\n{}, {:.0f} MB a pass; plain read {:.1f} GB/s\n", type, bytes / 1e6,
             bytes / 1e6 / milliseconds("read", &Time::wall));
  fmt::print("{:14}{:>10}{:>12}{:>18}{:>18}{:>14}\n", "", "wall ms", "cpu ms", "read = 1, wall",
             "one row = 1, wall", "cpu");
  for (const auto& [kind, all] : times) {
    fmt::print("{:14}{:10.1f}{:12.1f}{:18.2f}{:18.2f}{:14.2f}\n", kind, milliseconds(kind, &Time::wall),
               milliseconds(kind, &Time::processor), ratio("read", kind, &Time::wall),
               ratio(kind, "rows 1", &Time::wall), ratio(kind, "rows 1", &Time::processor));
  }
}

}  // namespace

int main(int count, char** arguments) {
  const int rounds = count > 1 ? std::max(1, std::atoi(arguments[1])) : 7;
  const std::map<std::string, nn::VectorSet> sets{{"", nn::vector_set()},
                                                  {"amx", nn::VectorSet::amx},
                                                  {"avx512", nn::VectorSet::avx512},
                                                  {"avx2", nn::VectorSet::avx2},
                                                  {"plain", nn::VectorSet::none}};
  const auto asked = sets.find(count > 2 ? arguments[2] : "");
  if (asked == sets.end() || asked->second > nn::vector_set()) {
    fmt::print(stderr, "vector set: expected amx, avx512, avx2 or plain, and one of this machine: {}\n",
               arguments[2]);
    return 2;
  }
  const nn::VectorSet set = asked->second;
  const torch::NoGradGuard no_grad;
  std::map<std::string, Times> times;
  std::map<std::string, std::vector<torch::Tensor>> matrices;
  const std::map<std::string, torch::ScalarType> types{
      {"bfloat16", torch::kBFloat16}, {"float16", torch::kFloat16}, {"float32", torch::kFloat32}};
  for (const auto& [word, type] : types) {
    std::int64_t bytes = 0;
    while (bytes < pass_bytes) {
      const auto matrix = at::full({out_features, in_features}, 0.01, torch::TensorOptions().dtype(type));
      bytes += static_cast<std::int64_t>(matrix.nbytes());
      matrices[word].push_back(matrix);
    }
  }
  fmt::print("{} kernels, {} threads, {} rounds, {} x {}\n", nn::name(set), at::get_num_threads(), rounds,
             out_features, in_features);
  for (int round = 0; round <= rounds; ++round) {
    if (round == 1) times.clear();  // the first one touches everything once
    for (const auto& [word, type] : types) measure(type, matrices[word], set, times[word]);
  }
  for (const auto& [word, of] : times) {
    const auto& all = matrices[word];
    report(word, static_cast<double>(all[0].nbytes() * all.size()), of);
  }
}
