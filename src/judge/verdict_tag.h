// From an LLM judge's answer to a verdict.
#pragma once

#include <string>
#include <string_view>

#include "judge/verdict.h"

namespace holisafe::judge {

/// A verdict, and where there is none, why.
struct Judged {
  Verdict verdict = Verdict::unjudged;
  std::string text = {};    ///< what the judge wrote, unchanged
  std::string reason = {};  ///< of unjudged; one line
};

/// The answer must hold `<label>True</label>` (expected) or `<label>False</label>` (unexpected), in any case
/// of letters and with white space inside the tag; other text may stand around it. No tag, another word in
/// it, or tags that contradict each other are no verdict: the judge may have quoted the answer it judges.
Judged read_verdict(std::string_view answer);

}  // namespace holisafe::judge
