// Hashes and clusters of pictures, for tests and measurements of holisafe::image.
//
//   near_duplicates hashes [THREADS]            names on stdin -> on each line hash, the mirror's, quality
//   near_duplicates clusters [THREADS]          names on stdin -> a cluster's places in the list a line
//   near_duplicates compare [THREADS]           names on stdin, two by two -> a line of JSON for each
//   comparison near_duplicates pairs FILE RADIUS THREADS   hashes of 32 bytes each, lowest first -> how many
//   pairs, seconds
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "image/for_each.h"
#include "image/hash_index.h"
#include "image/near_duplicates.h"
#include "image/same_picture.h"

namespace {

using namespace holisafe;

using Names = std::vector<std::string>;

Names names_on_stdin() {
  Names out;
  for (std::string line; std::getline(std::cin, line);) out.push_back(line);
  return out;
}

Result<image::DescribedPicture> describe_file(const std::string& name) {
  HOLISAFE_TRY(const image::Image picture, image::load(name, {}));
  return image::describe(picture);
}

Result<std::vector<image::DescribedPicture>> describe_all(const Names& names, int threads) {
  std::vector<Result<image::DescribedPicture>> described(names.size());
  image::for_each_on_threads(names.size(), threads,
                             [&](std::size_t i) { described[i] = describe_file(names[i]); });
  std::vector<image::DescribedPicture> out;
  for (auto& one : described) {
    HOLISAFE_TRY(out.emplace_back(), std::move(one));
  }
  return out;
}

Result<void> print_hashes(int threads) {
  HOLISAFE_TRY(const auto described, describe_all(names_on_stdin(), threads));
  for (const auto& one : described)
    fmt::print("{} {} {}\n", image::hex(one.hashed.hash), image::hex(one.hashed.mirror), one.hashed.quality);
  return {};
}

Result<void> print_clusters(int threads) {
  HOLISAFE_TRY(const auto described, describe_all(names_on_stdin(), threads));
  image::LowFrequencyTable table;
  for (const auto& one : described) table.add(one.frequencies);
  image::NearDuplicateOptions options;
  options.threads = threads;
  const auto sketch_of = [&](std::size_t i) -> Result<image::PixelSketch> { return described[i].sketch; };
  HOLISAFE_TRY(const auto clusters, image::find_near_duplicates(table, sketch_of, options));
  for (const auto& cluster : clusters) fmt::print("{}\n", fmt::join(cluster, " "));
  return {};
}

void print_comparison(const image::DescribedPicture& first, const image::DescribedPicture& second) {
  const auto found =
      image::compare(image::ComparablePicture(first.sketch), image::ComparablePicture(second.sketch));
  image::LowFrequencyTable table;
  table.add(first.frequencies);
  table.add(second.frequencies);
  float nearness = 0;
  for (const std::uint32_t i : {0U, 1U}) {
    const auto seen = image::seen_frequencies(image::luma_of((i == 0 ? first : second).sketch));
    for (const auto& near : table.nearest({i, seen}, 1, 0)) nearness = std::max(nearness, near.nearness);
  }
  fmt::print(
      "{{\"same\":{},\"across_grey\":{},\"mirrored\":{},\"correlation\":{},\"gain\":{},\"worst_tile\":{},"
      "\"fourth_tile\":{},\"unexplained\":{},"
      "\"recoloured\":{},\"luma_difference\":{},\"nearness\":{},\"distance\":{}}}\n",
      found.same, found.across_grey, found.mirrored, found.correlation, found.gain, found.worst_tile,
      found.fourth_tile, found.unexplained, found.recoloured, found.luma_difference, nearness,
      image::distance(first.hashed.hash, second.hashed.hash));
}

Result<void> print_comparisons(int threads) {
  HOLISAFE_TRY(const auto described, describe_all(names_on_stdin(), threads));
  for (std::size_t i = 0; i + 1 < described.size(); i += 2) print_comparison(described[i], described[i + 1]);
  return {};
}

Result<void> print_pairs(const std::string& file, int radius, int threads) {
  HOLISAFE_TRY(const std::string bytes, read_file(file));
  std::vector<image::PerceptualHash> hashes(bytes.size() / sizeof(image::PerceptualHash));
  std::memcpy(hashes.data(), bytes.data(), hashes.size() * sizeof(image::PerceptualHash));
  const auto begin = std::chrono::steady_clock::now();
  const auto pairs = image::HashIndex(hashes).pairs(radius, threads);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  std::uint64_t sum = 0;  // of what was found, to be compared
  for (const auto& pair : pairs) sum += pair.first * 31ULL + pair.second * 17ULL + pair.distance;
  fmt::print("{} {} {:.3f}\n", pairs.size(), sum, seconds.count());
  return {};
}

Result<void> run(const Names& words) {
  const auto number = [&words](std::size_t i) { return i < words.size() ? std::atoi(words[i].c_str()) : 0; };
  if (words.size() >= 1 && words[0] == "hashes") return print_hashes(number(1));
  if (words.size() >= 1 && words[0] == "clusters") return print_clusters(number(1));
  if (words.size() >= 1 && words[0] == "compare") return print_comparisons(number(1));
  if (words.size() == 4 && words[0] == "pairs") return print_pairs(words[1], number(2), number(3));
  return fail(ErrorKind::usage, "hashes, clusters, compare, or pairs FILE RADIUS THREADS");
}

}  // namespace

int main(int argc, char** argv) {
  const auto done = run({argv + 1, argv + argc});
  if (done) return 0;
  fmt::print(stderr, "{}\n", done.error().message());
  return 2;
}
