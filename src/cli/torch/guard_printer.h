// What `holisafe guard` prints of each picture.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <variant>

#include "cli/torch/explain_flags.h"
#include "engine/engine.h"
#include "policy/policy.h"
#include "runs/guard_run.h"
#include "verdicts/flagging.h"
#include "verdicts/picture_judge.h"

namespace holisafe::cli {

/// Thresholds, or a policy, whose action is printed too.
using FlagRule = std::variant<verdicts::Flagging, policy::Policy>;

/// Prints verdicts and errors as they come, and remembers what they make of the exit code.
class GuardPrinter {
 public:
  /// `explainer`: of flagged pictures; null: nothing is explained.
  GuardPrinter(const engine::Engine& engine, FlagRule rule, bool json, PictureExplainer* explainer = nullptr)
      : engine_(engine), rule_(std::move(rule)), json_(json), explainer_(explainer) {}

  /// Pictures come in the order of the input. Where a picture's explanation was interrupted, or its files
  /// cannot be written (PictureExplainer::failure()), nothing is printed of it.
  void print(const verdicts::JudgedPicture& judged);

  [[nodiscard]] const runs::GuardSummary& tally() const { return tally_; }
  [[nodiscard]] int exit_code() const;
  /// Standard output is gone (a closed pipe): there is no one to go on for.
  [[nodiscard]] bool lost() const { return lost_; }

 private:
  std::optional<Result<explain::Written>> explanation_of(const verdicts::JudgedPicture& judged);
  void print_text(const verdicts::JudgedPicture& judged, const verdicts::Flagging& flagging,
                  const std::string& action, const std::optional<Result<explain::Written>>& explained);
  void write(const std::string& text);

  const engine::Engine& engine_;
  FlagRule rule_;
  bool json_;
  PictureExplainer* explainer_;
  std::size_t position_ = 0;  ///< of the next picture
  runs::GuardSummary tally_;
  bool hardware_said_ = false;
  bool lost_ = false;
};

}  // namespace holisafe::cli
