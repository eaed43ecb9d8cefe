#include "runs/add_samples.h"

#include <algorithm>

#include <fmt/format.h>

namespace holisafe::runs {
namespace {

constexpr std::size_t page_rows = 256;

store::Sample sample_of(benchmarks::Item item, std::int64_t cluster) {
  return {.position = item.position,
          .id = std::move(item.id),
          .id_is_string = item.id_is_string,
          .cluster = cluster,
          .parts = std::move(item.parts),
          .query = std::move(item.query),
          .groups = std::move(item.groups),
          .target = std::move(item.target),
          .label = item.label,
          .json = std::move(item.json)};
}

/// How many rows to read next, after those before `position`.
std::size_t wanted(const Part& part, std::int64_t position) {
  if (part.limit == 0) return page_rows;
  return std::min(page_rows, static_cast<std::size_t>(std::max<std::int64_t>(part.limit - position, 0)));
}

}  // namespace

Result<AddedSamples> add_samples(store::RunStore& store, benchmarks::Rows& rows, int answers_a_sample,
                                 const Part& part) {
  AddedSamples out;
  HOLISAFE_TRY(const auto known, store.counts());
  if (known.samples > 0) return out;
  HOLISAFE_TRY(auto writer, store.add_samples(answers_a_sample));
  std::int64_t position = 0;
  while (const std::size_t most = wanted(part, position)) {
    HOLISAFE_TRY(auto items, rows.next(most));
    out.whole = items.empty();
    if (out.whole) break;
    position = items.back().position + 1;
    std::vector<store::Sample> samples;
    for (auto& item : items) {
      HOLISAFE_TRY(const std::int64_t cluster, writer.cluster(item.cluster));
      if (cluster % part.shards == part.shard) samples.push_back(sample_of(std::move(item), cluster));
    }
    HOLISAFE_CHECK(writer.add(samples));
  }
  if (writer.added() == 0) {
    return fail(ErrorKind::missing, "no samples", rows.file().string(),
                fmt::format("expected rows in shard {}/{}, found none", part.shard, part.shards));
  }
  HOLISAFE_CHECK(writer.commit());
  out.rows = static_cast<std::uint64_t>(position);
  out.disagreements = rows.disagreements();
  return out;
}

std::vector<std::string> notes_on(const AddedSamples& added, const benchmarks::Benchmark& benchmark,
                                  const std::string& split, const std::filesystem::path& data) {
  std::vector<std::string> out;
  if (added.disagreements > 0) {
    out.push_back(fmt::format("{}: {} rows contradict themselves; `holisafe data check` shows them",
                              data.string(), added.disagreements));
  }
  const auto note = added.whole ? row_count_note(benchmark, split, added.rows) : std::nullopt;
  if (note) out.push_back(fmt::format("{}: {}", data.string(), *note));
  return out;
}

Result<void> check_images(benchmarks::Rows& rows, const Part& part) {
  std::int64_t position = 0;
  while (const std::size_t most = wanted(part, position)) {
    HOLISAFE_TRY(const auto items, rows.next(most));
    if (items.empty()) break;
    position = items.back().position + 1;
  }
  return {};
}

benchmarks::Item item_of(const store::Sample& sample) {
  return {.position = sample.position,
          .id = sample.id,
          .id_is_string = sample.id_is_string,
          .parts = sample.parts,
          .query = sample.query,
          .groups = sample.groups,
          .cluster = fmt::format("{}", sample.cluster),
          .target = sample.target,
          .label = sample.label,
          .json = sample.json};
}

}  // namespace holisafe::runs
