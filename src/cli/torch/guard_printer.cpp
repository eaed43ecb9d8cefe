#include "cli/torch/guard_printer.h"

#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/json_line.h"
#include "chat/chat.h"
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

std::optional<Result<explain::Written>> GuardPrinter::explanation_of(const verdicts::JudgedPicture& judged) {
  if (explainer_ == nullptr) return std::nullopt;
  return explainer_->explain_picture(position_, chat::Image{judged.name, nullptr}, *judged.verdict);
}

void GuardPrinter::print(const verdicts::JudgedPicture& judged) {
  const Result<taxonomy::Verdict>& verdict = judged.verdict;
  const auto* policy = std::get_if<policy::Policy>(&rule_);
  std::optional<policy::Decision> decision;
  if (verdict && policy != nullptr) decision = policy::decide(*policy, *verdict);
  const verdicts::Flagging flagging =
      policy != nullptr ? flagging_for(decision) : std::get<verdicts::Flagging>(rule_);
  const bool flagged = verdict && flagging.flags(*verdict);
  std::optional<Result<explain::Written>> explained;
  if (flagged) explained = explanation_of(judged);
  ++position_;
  const bool unexplained = explained && !*explained;
  if (unexplained && (explainer_->failure() || explained->error().kind == ErrorKind::interrupted)) return;
  ++tally_.images;
  if (!verdict || unexplained) ++tally_.errors;
  if (flagged) ++tally_.flagged;
  if (json_) {
    auto out = verdicts::to_json(judged.name, verdict, flagging);
    if (decision) policy::add_decision(out, *policy, *decision);
    if (explained) explain::add_explanation(out, *explained);
    write(json_line(out));
  } else {
    const std::string action = decision ? fmt::format(", {}", policy::name(decision->action)) : "";
    print_text(judged, flagging, action, explained);
  }
}

void GuardPrinter::print_text(const verdicts::JudgedPicture& judged, const verdicts::Flagging& flagging,
                              const std::string& action,
                              const std::optional<Result<explain::Written>>& explained) {
  if (!judged.verdict) {
    report(judged.verdict.error());
    return;
  }
  if (!std::exchange(hardware_said_, true)) say_hardware(engine_);
  std::string text = fmt::format("{}: {}{}\n", one_line(judged.name),
                                 verdicts::verdict_text(*judged.verdict, flagging), action);
  if (explained && *explained) text += explain::reason((*explained)->explanation) + "\n";
  write(text);
  if (explained && !*explained) report(explained->error());
}

int GuardPrinter::exit_code() const {
  return tally_.errors > 0 ? exit_error : tally_.flagged > 0 ? exit_found : exit_ok;
}

void GuardPrinter::write(const std::string& text) {
  lost_ = std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0 || lost_;
}

}  // namespace holisafe::cli
