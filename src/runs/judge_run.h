// `bench judge`: judgements on a run's answers, by a rule or an LLM, then the run's summary and report.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/progress.h"
#include "runs/answerers.h"
#include "runs/judge_ledger.h"
#include "runs/judges.h"
#include "runs/run_report.h"

namespace holisafe::runs {

struct JudgeSettings {
  std::filesystem::path folder;  ///< RUN
  std::string judge;             ///< a name of the table
  /// Who is asked. Of an endpoint's judge without a model: the table's; its provider is the table's.
  AnswererSettings answerer;
  std::string prompt_file;  ///< empty: this program's own prompt
  unsigned max_tokens =
      max_judge_tokens;  ///< of one answer of the judge; no part of what makes it this judge
  std::string version;   ///< of the program, for the report
  /// Called with what the user should know. May be empty.
  std::function<void(const std::string&)> warn;
};

struct JudgeEnd {
  std::string name;  ///< that judgements are kept under
  JudgedRun run;
  std::uint64_t left = 0;        ///< answers that it has not judged
  std::string unjudged_reason;   ///< why one of them is unjudged: the first such reason; may be empty
  bool interrupted = false;      ///< stopped by the flag before everything was asked
  std::optional<Error> stopped;  ///< why the judge could not be asked any more
};

/// Asks about every answer that the judge has not judged. What was judged is kept and shown, whatever
/// happens. Errors: usage; not_found (no run there); those of the store (mismatch: a judge of this name that
/// was another one), of the prompt, of opening the judge and of writing files.
Result<JudgeEnd> judge_run(JudgeSettings settings, Progress* progress, const StopFlag& stop);

/// Takes a judge, by the name that its judgements are kept under, out of the run; then writes summary and
/// report. Errors: not_found (no run there); missing (no such judge); those of the store and of writing
/// files.
Result<JudgedRun> forget_judge(const std::filesystem::path& folder, const std::string& judge,
                               const std::string& version);

/// What judging the rest of a run would take. Tokens are estimates: a text token is about 4 bytes of English,
/// an image counts as one of usual size.
struct JudgingCost {
  std::string judge;
  std::uint64_t calls = 0;
  std::uint64_t text_tokens = 0;
  std::uint64_t image_tokens = 0;
  std::uint64_t most_output_tokens = 0;
  std::uint64_t under_way = 0;  ///< rows in batches that were handed in; no part of the above
};
nlohmann::ordered_json to_json(const JudgingCost& cost);

/// Nothing is asked and nothing written. Errors: usage; those of the store and of the prompt.
Result<JudgingCost> judging_cost(JudgeSettings settings);

}  // namespace holisafe::runs
