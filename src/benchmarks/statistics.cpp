// The general form of `data stats`.
#include <map>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "benchmarks/benchmark.h"

namespace holisafe::benchmarks {
namespace {

using nlohmann::ordered_json;

/// Rows by the values of one group.
struct GroupCounts {
  std::string name;
  std::map<std::string, std::uint64_t> values;
};

void count(const Item& item, std::vector<GroupCounts>& groups) {
  if (groups.empty()) {
    for (const auto& [name, value] : item.groups) groups.push_back({name, {}});
  }
  for (GroupCounts& group : groups) {
    if (const auto value = item.group(group.name); !value.empty()) ++group.values[std::string(value)];
  }
}

Statistics::Block block_of(const GroupCounts& group) {
  Statistics::Block out;
  out.table = {{group.name, "rows"}};
  for (const auto& [value, rows] : group.values)
    out.table.push_back({one_line(value), fmt::format("{}", rows)});
  return out;
}

}  // namespace

Result<Statistics> statistics(const Benchmark& benchmark, const DataPlace& data) {
  if (benchmark.statistics != nullptr) return benchmark.statistics(data);
  std::vector<GroupCounts> groups;
  std::map<std::string, std::uint64_t> images;
  HOLISAFE_TRY(auto contents, benchmark.read_all(data, [&](const Item& item) {
    count(item, groups);
    for (auto& image : item.images()) ++images[std::move(image)];
  }));
  ordered_json json = {
      {"rows", contents.sound}, {"images", images.size()}, {"groups", ordered_json::object()}};
  std::vector<Statistics::Block> blocks = {
      {fmt::format("{} rows, {} images\n", contents.sound, images.size()), {}}};
  for (const GroupCounts& group : groups) {
    json["groups"][group.name] = ordered_json(group.values);
    blocks.push_back(block_of(group));
  }
  return Statistics{std::move(blocks), json.dump(-1, ' ', false, ordered_json::error_handler_t::replace),
                    std::move(contents)};
}

}  // namespace holisafe::benchmarks
