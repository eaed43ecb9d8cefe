// What becomes of a pair: a pure function of what was planned, of how the build is asked for, and of the
// replies that were kept, whatever the order in which they arrived.
//
//   const PairProgress now = progress_of(pair, replies, rules);
//   for (const NextQuestion& next : now.next) …     // none: now.row.state is final
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "construction/prompts.h"
#include "construction/work.h"

namespace holisafe::construction {

struct BuildRules {
  std::vector<std::string> writers;  ///< PROVIDER:MODEL, in order of preference
  std::string checker;               ///< empty: nothing is checked
  bool answers = true;
  unsigned rewrites = 2;  ///< so often is an instruction written anew, and an answer given anew
  std::string language;   ///< code; empty: any
};

struct NextQuestion {
  Step step = Step::write;
  std::string asker;         ///< PROVIDER:MODEL
  std::uint64_t number = 0;  ///< how many replies of this step count already
  Faulty before;             ///< of write: what was wrong with the instruction before
};

struct PairProgress {
  /// The pair as it stands: planned while something is to be asked. `failed` where whoever wrote the
  /// instruction is not among the writers, so that nobody can answer it.
  PairRow row;
  std::vector<NextQuestion> next;  ///< of one step; of a check both
};

/// Of `planned` the plan counts (type, subcategory, brought and what the source wrote), and nothing that came
/// of it. An instruction is written by the first writer that has not declined the pair; checked by two
/// questions, which count only together; written anew where they find fault, up to `rewrites` times; answered
/// by whoever wrote it; answered anew, as often, where the answer does not begin as it must; then filtered.
/// What a source brought is never written or answered. The duplicates of an image are found by
/// duplicates_among().
PairProgress progress_of(const PairRow& planned, std::span<const KeptReply> replies, const BuildRules& rules);

}  // namespace holisafe::construction
