// What a person decided about a pair or an image: read from JSON, and what it makes of a pair.
//
//   {"id": 7, "decision": "accept", "reviewer": "ada"}
//   {"id": 8, "decision": "edit", "instruction": "…", "response": "…", "note": "typing error"}
//   {"id": 8, "decision": "undo", "reviewer": "ada"}
//   {"image_id": 3, "decision": "label", "label": "safe"}
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "construction/work.h"

namespace holisafe::construction {

/// One decision. Null counts as left out; `reviewer` is who decides where it does not say. `label` is a
/// class's name or other name, or "quarantine". Of an edit what is left out stays as it is, and is empty
/// here. Errors, `where` being the member at fault (empty: the whole): malformed, truncated, invalid_utf8,
/// too_large, wrong_type, duplicate, unexpected (a member that is none, or not of this decision), missing,
/// out_of_range.
Result<Decision> parse_decision(std::string_view json, const std::string& reviewer);

/// The decisions that nobody took back, in their order. "undo" takes its reviewer's own last one.
std::vector<const Decision*> standing(std::span<const Decision> all);

/// The pair as all decisions on it, in their order, leave it: the last that stands is its review, the last
/// edit that stands its text. `review->before_…` is what the writer wrote, and stays known while an edit
/// stands.
PairRow after_decisions(PairRow pair, std::span<const Decision> all);

}  // namespace holisafe::construction
