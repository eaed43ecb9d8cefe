#include "cli/torch/verdict_json.h"

#include <fmt/format.h>

#include "taxonomy/taxonomy.h"

namespace holisafe::cli {

void add_verdict(nlohmann::ordered_json& out, const taxonomy::Verdict& verdict, double threshold) {
  const auto& found = taxonomy::classes()[verdict.label];
  out["flagged"] = verdict.unsafe() >= threshold;
  out["label"] = verdict.label;
  out["subcategory"] = found.name;
  out["category"] = found.category;
  out["score"] = verdict.score();
  auto& scores = out["scores"];
  for (std::size_t i = 0; i < verdict.scores.size(); ++i)
    scores[std::string(taxonomy::classes()[i].name)] = verdict.scores[i];
}

std::string verdict_text(const taxonomy::Verdict& verdict, double threshold) {
  return fmt::format("{} {:.1f}%, unsafe {:.1f}%{}", taxonomy::classes()[verdict.label].name,
                     100 * verdict.score(), 100 * verdict.unsafe(),
                     verdict.unsafe() >= threshold ? ", flagged" : "");
}

std::string json_line(const nlohmann::ordered_json& document) {
  return document.dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

}  // namespace holisafe::cli
