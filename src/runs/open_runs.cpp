#include "runs/open_runs.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "runs/run_part.h"

namespace holisafe::runs {
namespace {

/// Shards found so far that belong together.
struct Group {
  store::Identity identity;  ///< without the shard, sorted
  bool older = false;        ///< whether it may lack names that newer runs remember
  std::int64_t shards = 1;
  std::set<std::int64_t> found;
  std::string folder;
  std::vector<const store::RunStore*> parts;
};

/// Whether each name of `some` has the same value in `all`.
bool agrees(const store::Identity& some, const store::Identity& all) {
  return std::all_of(some.begin(), some.end(), [&](const auto& entry) {
    return std::find(all.begin(), all.end(), entry) != all.end();
  });
}

bool is_same(const Group& group, const store::Identity& identity, bool older) {
  return group.identity == identity || (group.older && agrees(group.identity, identity)) ||
         (older && agrees(identity, group.identity));
}

Result<void> add(std::vector<Group>& groups, const store::RunStore& store, const std::string& folder) {
  HOLISAFE_TRY(auto identity, store.identity("run"));
  HOLISAFE_TRY(const bool older, store.is_older_identity("run"));
  const auto place = std::find_if(identity.begin(), identity.end(),
                                  [](const auto& entry) { return entry.first == "shard"; });
  if (place == identity.end()) {
    return fail(ErrorKind::missing, "run never begun", folder,
                "expected a run that knows what it was made from");
  }
  HOLISAFE_TRY(const Part part, parse_shard(place->second));
  identity.erase(place);
  std::sort(identity.begin(), identity.end());  // one that has grown has its names in another order
  for (Group& group : groups) {
    if (part.shards == 1 || group.shards != part.shards || !is_same(group, identity, older)) continue;
    if (!group.found.insert(part.shard).second) continue;
    group.parts.push_back(&store);
    if (!older) group.identity = std::move(identity);
    group.older = group.older && older;
    return {};
  }
  groups.push_back({std::move(identity), older, part.shards, {part.shard}, folder, {&store}});
  return {};
}

}  // namespace

Result<OpenRuns> open_runs(std::span<const std::string> folders) {
  OpenRuns out;
  std::vector<Group> groups;
  for (const auto& folder : folders) {
    HOLISAFE_TRY(auto store, store::RunStore::open(folder, store::Access::read));
    out.stores.push_back(std::make_unique<store::RunStore>(std::move(store)));
    HOLISAFE_CHECK(add(groups, *out.stores.back(), folder));
  }
  std::map<std::string, int> uses;
  std::map<std::pair<std::string, std::string>, int> uses_in_benchmark;
  for (const Group& group : groups) {
    ++uses[run_name(group.identity)];
    ++uses_in_benchmark[{benchmark_name(group.identity), run_name(group.identity)}];
  }
  for (const Group& group : groups) {
    std::string name = run_name(group.identity);
    std::string title = name;
    if (uses_in_benchmark[{benchmark_name(group.identity), name}] > 1)
      title = fmt::format("{} ({})", name, group.folder);
    if (uses[name] > 1) name = fmt::format("{} ({})", name, group.folder);
    if (static_cast<std::int64_t>(group.found.size()) < group.shards) {
      out.warnings.push_back(fmt::format("{}: {} of its {} shards are missing", name,
                                         group.shards - static_cast<std::int64_t>(group.found.size()),
                                         group.shards));
    }
    out.runs.push_back({std::move(name), group.parts, std::move(title)});
  }
  return out;
}

}  // namespace holisafe::runs
