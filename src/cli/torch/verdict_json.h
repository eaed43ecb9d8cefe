// A guard's verdict as `guard` and `ask` print it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "guard/guard.h"

namespace holisafe::cli {

/// Adds flagged, label, subcategory, category, score, scores.
void add_verdict(nlohmann::ordered_json& out, const taxonomy::Verdict& verdict, double threshold);

/// "weapon_related_violence 99.2%, unsafe 99.8%, flagged".
std::string verdict_text(const taxonomy::Verdict& verdict, double threshold);

/// One line. Bytes that are not UTF-8 become U+FFFD.
std::string json_line(const nlohmann::ordered_json& document);

}  // namespace holisafe::cli
