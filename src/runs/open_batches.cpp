#include "runs/open_batches.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

namespace holisafe::runs {
namespace {

/// With the name's length, for names may hold anything and none must be the beginning of another's key.
std::string prefix_of(const std::string& name) { return fmt::format("batch/{}:{}/", name.size(), name); }

}  // namespace

Result<std::vector<ask::OpenBatch>> open_batches(const store::RunStore& store, const std::string& name) {
  const std::string prefix = prefix_of(name);
  HOLISAFE_TRY(const auto values, store.values(prefix));
  std::vector<ask::OpenBatch> out;
  for (const auto& [key, value] : values) {
    const auto keys = nlohmann::json::parse(value, nullptr, false);
    const bool numbers = keys.is_array() && std::all_of(keys.begin(), keys.end(), [](const auto& each) {
                           return each.is_number_integer();
                         });
    if (!numbers) {
      return fail(ErrorKind::malformed, "damaged run store", store.folder().string(),
                  "expected a list of rows in " + key + ", found something else");
    }
    out.push_back({key.substr(prefix.size()), keys.template get<std::vector<chat::Key>>()});
  }
  return out;
}

Result<void> add_batch(store::RunStore& store, const std::string& name, const ask::OpenBatch& batch) {
  return store.put_value(prefix_of(name) + batch.id, nlohmann::json(batch.keys).dump());
}

Result<void> forget_batch(store::RunStore& store, const std::string& name, const std::string& id) {
  return store.remove_value(prefix_of(name) + id);
}

}  // namespace holisafe::runs
