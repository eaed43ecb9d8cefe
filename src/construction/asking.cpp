#include "construction/asking.h"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "construction/label_vote.h"
#include "construction/opened_asker.h"
#include "construction/text_filters.h"

namespace holisafe::construction {
namespace {

std::vector<AskerSpec> askers_of(Phase phase, const BuildSettings& settings) {
  std::vector<AskerSpec> out = phase == Phase::label ? settings.labellers : settings.writers;
  if (phase == Phase::label || !settings.checker) return out;
  const auto is_checker = [&](const AskerSpec& each) { return each.name() == settings.checker->name(); };
  if (std::none_of(out.begin(), out.end(), is_checker)) out.push_back(*settings.checker);
  return out;
}

/// One asker with what it is asked.
struct Asked {
  OpenedAsker asker;
  std::unique_ptr<BuildLedger> ledger;
};

class PhaseLoop {
 public:
  PhaseLoop(Phase phase, const BuildSettings& settings, const AskingRules& rules, Work& work,
            Progress* progress, const StopFlag& stop)
      : phase_(phase), settings_(settings), rules_(rules), work_(work), progress_(progress), stop_(stop) {}

  Result<AskedPhase> run() {
    HOLISAFE_CHECK(open());
    while (goes_on()) {
      bool asked_any = false;
      for (Asked& each : askers_) {
        if (!goes_on()) break;
        HOLISAFE_TRY(const bool asked, pass(each));
        asked_any = asked_any || asked;
      }
      if (!asked_any) break;
    }
    for (const Asked& each : askers_) {
      out_.given_up += each.ledger->given_up();
      if (out_.failure.empty()) out_.failure = each.ledger->first_failure();
    }
    return out_;
  }

 private:
  [[nodiscard]] bool goes_on() const { return !out_.stopped && !out_.interrupted && !stop_.requested(); }

  Result<void> open() {
    for (const AskerSpec& spec : askers_of(phase_, settings_)) {
      auto ledger = std::make_unique<BuildLedger>(work_, rules_, spec.name(), spec.is_guard(), phase_);
      // To load a checkpoint takes long; where it has labelled everything, nothing comes up later.
      if (spec.is_guard()) {
        HOLISAFE_TRY(const auto any, ledger->pending_after(-1, 1));
        if (any.empty()) continue;
      }
      HOLISAFE_TRY(OpenedAsker asker, OpenedAsker::open(spec, settings_, work_, stop_));
      askers_.push_back({std::move(asker), std::move(ledger)});
    }
    HOLISAFE_TRY(const std::int64_t pairs, work_.pair_count({.state = PairState::planned}));
    total_ = phase_ == Phase::pairs ? static_cast<std::uint64_t>(pairs) : 0;
    return {};
  }

  /// Whether anything was asked.
  Result<bool> pass(Asked& each) {
    HOLISAFE_TRY(const ask::AskEnd end,
                 each.asker.ask(
                     *each.ledger, [&](const ask::AskEnd& so_far) { draw(each, so_far); }, stop_));
    HOLISAFE_CHECK(each.ledger->end_pass());
    Faults faults = each.asker.take_faults(end.faults);
    faults.malformed += each.ledger->take_malformed();
    HOLISAFE_CHECK(work_.add_faults(faults));
    out_.interrupted = end.interrupted;
    out_.stopped = end.stopped;
    return end.settled + end.unsettled > 0;
  }

  void draw(const Asked& each, const ask::AskEnd& so_far) {
    if (progress_ == nullptr) return;
    std::uint64_t finished = 0;
    for (const Asked& any : askers_) finished += any.ledger->finished();
    progress_->update(finished, total_,
                      fmt::format("{}, {} faults", each.asker.name(), so_far.faults.total()));
  }

  Phase phase_;
  const BuildSettings& settings_;
  const AskingRules& rules_;
  Work& work_;
  Progress* progress_;
  const StopFlag& stop_;
  std::vector<Asked> askers_;
  AskedPhase out_;
  std::uint64_t total_ = 0;
};

}  // namespace

Result<AskedPhase> ask_phase(Phase phase, const BuildSettings& settings, const AskingRules& rules, Work& work,
                             Progress* progress, const StopFlag& stop) {
  return PhaseLoop(phase, settings, rules, work, progress, stop).run();
}

Result<void> count_votes_again(Work& work, const AskingRules& rules) {
  if (rules.labellers.empty()) return {};
  return work.together([&]() -> Result<void> {
    return work.for_each_image({.state = ImageState::unlabelled}, [&](const ImageRow& image) -> Result<void> {
      HOLISAFE_TRY(const auto replies, work.replies_of_image(image.id));
      ImageRow voted = image;
      if (replies.empty() || !take_votes(voted, replies, rules.labellers)) return {};
      return work.write(std::span(&voted, 1));
    });
  });
}

Result<void> reopen_pairs(Work& work, const AskingRules& rules) {
  constexpr std::array states{PairState::planned, PairState::failed, PairState::declined};
  return work.together([&]() -> Result<void> {
    for (const PairState state : states) {
      HOLISAFE_CHECK(work.for_each_pair({.state = state}, [&](const PairRow& pair) -> Result<void> {
        if (pair.review) return {};  // a person has settled it
        HOLISAFE_TRY(const auto replies, work.replies_of_pair(pair.id));
        const PairProgress now = progress_of(pair, replies, rules.pairs);
        if (now.row.state == pair.state) return {};
        return work.write(std::span(&now.row, 1));
      }));
    }
    return {};
  });
}

Result<void> filter_duplicates(Work& work) {
  return work.together([&]() -> Result<void> {
    Duplicates seen;
    return work.for_each_pair({}, [&](const PairRow& pair) -> Result<void> {
      const bool filtered = pair.state == PairState::filtered && pair.filter == "duplicate";
      if (pair.state != PairState::ready && !filtered) return {};
      const bool edited = pair.review && pair.review->decision == "edit";
      const bool again = seen.add(pair.image_id, edited ? pair.review->before_instruction : pair.instruction);
      if (!again || filtered || pair.review) return {};
      PairRow duplicate = pair;
      duplicate.state = PairState::filtered;
      duplicate.filter = "duplicate";
      duplicate.reason = "an earlier pair of this image has the same instruction";
      return work.write(std::span(&duplicate, 1));
    });
  });
}

}  // namespace holisafe::construction
