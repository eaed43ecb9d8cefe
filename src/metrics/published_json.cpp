#include "metrics/published_json.h"

#include <string>

#include "metrics/published.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::metrics {

nlohmann::ordered_json published_json(std::string_view judge) {
  auto out = nlohmann::ordered_json::array();
  for (const auto& score : published_scores(judge)) {
    nlohmann::ordered_json types;
    for (std::size_t type = 0; type < score.types.size(); ++type) {
      types[std::string(taxonomy::name(static_cast<taxonomy::Combination>(type)))] = score.types[type];
    }
    out.push_back({{"model", score.model}, {"types", types}, {"rr", score.types[0]}, {"masr", score.masr}});
  }
  return out;
}

}  // namespace holisafe::metrics
