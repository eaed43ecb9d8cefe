#include "cli/torch/guard_printer.h"

#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/json_line.h"
#include "cli/program.h"
#include "cli/torch/model_flags.h"
#include "policy/policy_json.h"
#include "verdicts/verdict_json.h"

namespace holisafe::cli {
namespace {

/// A policy flags by its own rule: as a threshold that this verdict reaches, or none does.
verdicts::Flagging flagging_for(const std::optional<policy::Decision>& decision) {
  return verdicts::Flagging(decision && decision->flagged() ? 0.0 : std::numeric_limits<double>::infinity());
}

}  // namespace

void GuardPrinter::print(const verdicts::JudgedPicture& judged) {
  const Result<taxonomy::Verdict>& verdict = judged.verdict;
  const auto* policy = std::get_if<policy::Policy>(&rule_);
  std::optional<policy::Decision> decision;
  if (verdict && policy != nullptr) decision = policy::decide(*policy, *verdict);
  const verdicts::Flagging flagging =
      policy != nullptr ? flagging_for(decision) : std::get<verdicts::Flagging>(rule_);
  ++tally_.images;
  if (!verdict) ++tally_.errors;
  if (verdict && flagging.flags(*verdict)) ++tally_.flagged;
  if (json_) {
    auto out = verdicts::to_json(judged.name, verdict, flagging);
    if (decision) policy::add_decision(out, *policy, *decision);
    write(json_line(out));
  } else if (verdict) {
    if (!std::exchange(hardware_said_, true)) say_hardware(engine_);
    const std::string action = decision ? fmt::format(", {}", policy::name(decision->action)) : "";
    write(
        fmt::format("{}: {}{}\n", one_line(judged.name), verdicts::verdict_text(*verdict, flagging), action));
  } else {
    report(verdict.error());
  }
}

int GuardPrinter::exit_code() const {
  return tally_.errors > 0 ? exit_error : tally_.flagged > 0 ? exit_found : exit_ok;
}

void GuardPrinter::write(const std::string& text) {
  lost_ = std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0 || lost_;
}

}  // namespace holisafe::cli
