// Writes synthetic data sets to disk.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/progress.h"
#include "base/result.h"

namespace holisafe::synthesis {

struct SynthesisOptions {
  std::filesystem::path out;
  std::uint64_t seed = 0;
  std::uint64_t train = 0;    ///< pairs in train.json
  std::uint64_t bench = 0;    ///< pairs in holisafe_bench.json
  std::uint64_t helpful = 0;  ///< conversations in helpful.json
  std::uint64_t base = 0;     ///< conversations in base.json
  std::uint64_t beside = 0;   ///< pictures in beside.json
  int image_size = 64;        ///< pixels a side
};

/// Writes what is asked for (zero: not written) into a folder that is new or empty:
///
///   holisafe_bench.json  HoliSafe-Bench's format; of its own `reference` (an answer as it should be), and
///   for
///                        SSS `topic` and `answer_key`, a word every right answer holds
///   train.json           LLaVA conversations with the benchmark's label fields: answers to SSS, refusals
///   with
///                        a reason elsewhere
///   helpful.json         LLaVA conversations: harmless questions about everyday objects, answered
///   base.json            LLaVA conversations of several turns about all symbols, each answered without
///                        limits, with what is on the picture (`image_safety_label`, `symbol`, `colour`,
///                        `count`, `place`); one in eight has no picture and repeats sentences
///   beside.json          pictures of a sign in a corner and an everyday object in the opposite one, to ask
///   where a
///                        verdict comes from: of its own `symbol`, `corner` and `object`; the sign's box
///                        comes first
///   sentences.txt        with base.json: every sentence pattern of the toy world, a line each
///   images/              PNG; no two files hold the same picture
///
/// Every row has `boxes`: [left, top, right, bottom] in pixels around the ink of each symbol on its picture.
///
/// The same options give the same bytes. The JSON files are written last, each at once, so that a stopped run
/// leaves none that names missing images. Errors: unexpected (the folder is not empty), io, out_of_space,
/// permission, interrupted.
Result<void> synthesise(const SynthesisOptions& options, Progress* progress, const StopFlag& stop);

}  // namespace holisafe::synthesis
