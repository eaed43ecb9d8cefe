// What `holisafe guard` prints of each picture.
#pragma once

#include <string>
#include <variant>

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
  GuardPrinter(const engine::Engine& engine, FlagRule rule, bool json)
      : engine_(engine), rule_(std::move(rule)), json_(json) {}

  void print(const verdicts::JudgedPicture& judged);

  [[nodiscard]] const runs::GuardSummary& tally() const { return tally_; }
  [[nodiscard]] int exit_code() const;
  /// Standard output is gone (a closed pipe): there is no one to go on for.
  [[nodiscard]] bool lost() const { return lost_; }

 private:
  void write(const std::string& text);

  const engine::Engine& engine_;
  FlagRule rule_;
  bool json_;
  runs::GuardSummary tally_;
  bool hardware_said_ = false;
  bool lost_ = false;
};

}  // namespace holisafe::cli
