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
  store::Identity identity;  ///< without the shard
  std::int64_t shards = 1;
  std::set<std::int64_t> found;
  std::string folder;
  std::vector<const store::RunStore*> parts;
};

Result<void> add(std::vector<Group>& groups, const store::RunStore& store, const std::string& folder) {
  HOLISAFE_TRY(auto identity, store.identity("run"));
  const auto place = std::find_if(identity.begin(), identity.end(),
                                  [](const auto& entry) { return entry.first == "shard"; });
  if (place == identity.end()) {
    return fail(ErrorKind::missing, "run never begun", folder,
                "expected a run that knows what it was made from");
  }
  HOLISAFE_TRY(const store::Part part, parse_shard(place->second));
  identity.erase(place);
  for (Group& group : groups) {
    if (part.shards == 1 || group.shards != part.shards || group.identity != identity) continue;
    if (!group.found.insert(part.shard).second) continue;
    group.parts.push_back(&store);
    return {};
  }
  groups.push_back({std::move(identity), part.shards, {part.shard}, folder, {&store}});
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
  for (const Group& group : groups) ++uses[run_name(group.identity)];
  for (const Group& group : groups) {
    std::string name = run_name(group.identity);
    if (uses[name] > 1) name = fmt::format("{} ({})", name, group.folder);
    if (static_cast<std::int64_t>(group.found.size()) < group.shards) {
      out.warnings.push_back(fmt::format("{}: {} of its {} shards are missing", name,
                                         group.shards - static_cast<std::int64_t>(group.found.size()),
                                         group.shards));
    }
    out.runs.push_back({std::move(name), group.parts});
  }
  return out;
}

}  // namespace holisafe::runs
