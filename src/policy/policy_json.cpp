#include "policy/policy_json.h"

#include <nlohmann/json.hpp>

#include "taxonomy/taxonomy.h"

namespace holisafe::policy {

nlohmann::ordered_json to_json(const Policy& policy) {
  return {{"name", policy.name}, {"version", policy.version}};
}

void add_decision(nlohmann::ordered_json& out, const Policy& policy, const Decision& decision) {
  out["action"] = name(decision.action);
  auto& fired = out["fired"] = nlohmann::ordered_json::array();
  for (const std::size_t index : decision.fired) fired.push_back(taxonomy::classes()[index].name);
  out["policy"] = to_json(policy);
}

}  // namespace holisafe::policy
