// `holisafe guard --out RUN`: a guard's verdicts on any number of files, kept as they come.
//
//   GuardRunSettings settings{.folder = "RUN", .model = {.model = "SafeLLaVA-7B"}, …};
//   HOLISAFE_TRY(const GuardRunEnd end, run_guard(settings, &progress, stop));
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "chat/local_model.h"
#include "image/image.h"
#include "image/picture_tree.h"
#include "runs/guard_results.h"
#include "verdicts/picture_judge.h"

namespace holisafe::runs {

/// Writes a run's page once its other files are written; may be empty.
using WritePage = std::function<Result<void>(const verdicts::GuardStore& store)>;

/// When a picture is flagged.
struct GuardThreshold {
  double unsafe = verdicts::Flagging::usual_threshold;
  bool by_class = false;  ///< by the guard's own thresholds instead
};

struct GuardRunSettings {
  std::filesystem::path folder;    ///< RUN
  chat::ModelSettings model;       ///< what the run is made from; opened by `open_judge`
  image::DecodeOptions decode;     ///< the same
  bool pooled = false;             ///< keep each picture's pooled vector
  GuardThreshold threshold;        ///< may differ from command to command
  int threads = 2;                 ///< that read files, and as many that prepare pictures
  std::vector<std::string> trees;  ///< folders among what the command was given
  /// Files one after the other, or why one cannot be named; nothing at the end.
  std::function<std::optional<image::PictureTree::Found>()> source;
  /// Called once, when there is something to judge.
  std::function<Result<std::unique_ptr<verdicts::PictureJudge>>()> open_judge;
  /// Hears, when all files are listed, of how many the verdict is known already; may be empty.
  std::function<void(std::uint64_t known)> on_listed;
  WritePage write_page;
};

struct GuardRunEnd {
  bool interrupted = false;  ///< the same command goes on; verdicts.jsonl and summary.json are the old ones
  GuardSummary summary;      ///< of the whole run; where interrupted, as far as it came
};

/// Goes on where RUN is there already. A verdict counts from the moment it is on disk; one content is judged
/// once, in a pass of its own, so that the scores do not depend on what is judged beside it. A file that
/// cannot be read or judged is an error of its own. `progress` counts files, those known already among them;
/// it may be null. `so_far` is kept up to date for it. Errors: those of the store and of opening the judge;
/// mismatch (RUN was made from something else; names what), missing (a guard without thresholds), those of
/// reading what the model is made of and of writing.
Result<GuardRunEnd> run_guard(GuardRunSettings settings, GuardSummary& so_far, Progress* progress,
                              const StopFlag& stop);

struct GuardFromSettings {
  std::filesystem::path folder;  ///< RUN2
  std::filesystem::path from;    ///< RUN, with pooled vectors
  std::string guard;             ///< the new guard's file
  bool pooled = false;           ///< keep the vectors in RUN2 too
  GuardThreshold threshold;
  std::function<Result<std::unique_ptr<verdicts::VectorJudge>>()> open_judge;
  WritePage write_page;
};

/// The files of one run with another guard's verdicts: as run_guard() would have given with that guard,
/// within rounding, without running the model. RUN is only read. Errors: those of the stores; missing (no
/// vectors there), mismatch (a guard of another base, pooling or size; RUN2 was made from something else),
/// usage (RUN2 is RUN).
Result<GuardRunEnd> run_guard_from(const GuardFromSettings& settings, Progress* progress,
                                   const StopFlag& stop);

/// What a guard run remembers of what it is made from. Errors: those of reading it.
Result<store::Identity> guard_identity(const chat::ModelSettings& model, const image::DecodeOptions& decode);

}  // namespace holisafe::runs
