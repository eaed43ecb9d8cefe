#include "construction/build.h"

#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include <fmt/format.h>

#include "construction/asking.h"
#include "construction/build_report.h"
#include "construction/files.h"
#include "construction/text_filters.h"

namespace holisafe::construction {
namespace {

tl::unexpected<Error> bad_flag(std::string what, std::string flag, std::string detail) {
  return fail(ErrorKind::usage, std::move(what), std::move(flag), std::move(detail));
}

/// One name must not stand for two addresses: replies are kept under names.
Result<void> require_one_address(const BuildSettings& settings) {
  std::map<std::string, std::string> addresses;
  std::vector<AskerSpec> all = settings.writers;
  all.insert(all.end(), settings.labellers.begin(), settings.labellers.end());
  if (settings.checker) all.push_back(*settings.checker);
  for (const AskerSpec& each : all) {
    const std::string& address = each.is_guard() ? each.guard_folder : each.url;
    const auto [place, added] = addresses.emplace(each.name(), address);
    if (!added && place->second != address)
      return bad_flag("one model at two addresses", each.name(), "expected one address for each model");
  }
  return {};
}

std::vector<std::string> names_of(const std::vector<AskerSpec>& askers) {
  std::vector<std::string> out;
  for (const AskerSpec& each : askers) out.push_back(each.name());
  return out;
}

AskingRules rules_of(const BuildSettings& settings) {
  AskingRules out;
  out.pairs.writers = names_of(settings.writers);
  if (settings.checks && settings.checker) out.pairs.checker = settings.checker->name();
  out.pairs.answers = settings.answers;
  out.pairs.rewrites = settings.rewrites;
  out.pairs.language = settings.language;
  out.labellers = names_of(settings.labellers);
  out.seed = settings.plan.seed;
  out.max_retries = settings.ask.client.max_retries;
  return out;
}

class BuildRun {
 public:
  BuildRun(const BuildSettings& settings, Work work, const StepProgress& progress, const StopFlag& stop)
      : settings_(settings),
        rules_(rules_of(settings)),
        work_(std::move(work)),
        progress_(progress),
        stop_(stop) {}

  Result<BuildEnd> run() {
    warn_of_one_model_for_both();
    const auto imported = import();
    if (!imported && imported.error().kind == ErrorKind::interrupted) {
      end_.interrupted = true;
      return end_;
    }
    if (!imported) return fail(imported.error());
    HOLISAFE_CHECK(ask_all_phases());
    HOLISAFE_CHECK(filter_duplicates(work_));
    HOLISAFE_CHECK(write_files(work_));
    HOLISAFE_CHECK(write_build_report(work_, settings_.version));
    return count();
  }

 private:
  Result<void> remember() {
    HOLISAFE_CHECK(work_.put_value("language", settings_.language));
    HOLISAFE_CHECK(work_.put_value("license", settings_.import.license));
    HOLISAFE_TRY(const auto began, work_.value("began"));
    if (began) return {};
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
    return work_.put_value("began", fmt::format("{}", now.count()));
  }

  void warn_of_one_model_for_both() const {
    if (!settings_.warn || rules_.pairs.checker.empty()) return;
    for (const std::string& writer : rules_.pairs.writers) {
      if (writer == rules_.pairs.checker)
        settings_.warn(fmt::format("{} checks what it wrote itself; another --checker sees more", writer));
    }
  }

  Result<void> import() {
    const auto shown = shown_as("import");
    HOLISAFE_CHECK(import_sources(work_, import_settings(settings_), shown.get(), stop_));
    HOLISAFE_CHECK(remember());
    return check_writers(settings_, work_);
  }

  [[nodiscard]] std::unique_ptr<Progress> shown_as(const std::string& step) const {
    return progress_ ? progress_(step) : nullptr;
  }

  /// Labels first: which pairs there are, and with which numbers, must not depend on what was slow.
  Result<void> ask_all_phases() {
    HOLISAFE_CHECK(count_votes_again(work_, rules_));
    HOLISAFE_TRY(const AskedPhase labelled, ask(Phase::label));
    end_.unlabelled = labelled.given_up;
    end_.interrupted = stop_.requested();
    if (end_.interrupted || end_.stopped || end_.unlabelled > 0) return {};
    // Without a writer what the sources bring is checked, and nothing planned beside it.
    if (!settings_.writers.empty()) HOLISAFE_CHECK(plan_pairs(work_, settings_.plan));
    HOLISAFE_CHECK(reopen_pairs(work_, rules_));
    HOLISAFE_CHECK(ask(Phase::pairs));
    return {};
  }

  Result<AskedPhase> ask(Phase phase) {
    const bool anybody = phase == Phase::pairs || !settings_.labellers.empty();
    if (!anybody) return AskedPhase();
    const auto shown = shown_as(phase == Phase::label ? "label" : "pairs");
    HOLISAFE_TRY(AskedPhase asked, ask_phase(phase, settings_, rules_, work_, shown.get(), stop_));
    if (asked.stopped) end_.stopped = asked.stopped;
    if (end_.failure.empty()) end_.failure = asked.failure;
    return asked;
  }

  Result<BuildEnd> count() {
    HOLISAFE_TRY(end_.cells, work_.pair_cells());
    for (const CellCount& cell : end_.cells) {
      end_.pairs += cell.pairs;
      if (cell.state == PairState::ready) end_.ready += cell.pairs;
      if (cell.state == PairState::failed) end_.failed += cell.pairs;
      if (cell.state == PairState::planned) end_.planned += cell.pairs;
    }
    // A stop that came after the last reply interrupted nothing.
    end_.interrupted = end_.interrupted || (end_.planned > 0 && stop_.requested());
    HOLISAFE_TRY(end_.summary, summary(work_));
    return std::move(end_);
  }

  const BuildSettings& settings_;
  AskingRules rules_;
  Work work_;
  const StepProgress& progress_;
  const StopFlag& stop_;
  BuildEnd end_;
};

}  // namespace

Result<void> check_build(const BuildSettings& settings) {
  if (settings.checks && !settings.checker) {
    return bad_flag("who checks?", "--checker",
                    "expected --checker PROVIDER:MODEL, or --no-check for pairs that nobody checks");
  }
  if (!settings.language.empty() && !is_known_language(settings.language)) {
    return bad_flag(
        "unknown language", "--language",
        fmt::format("expected one of {}, found {}", fmt::join(known_languages(), ", "), settings.language));
  }
  HOLISAFE_CHECK(require_different(settings.writers, "--writer"));
  HOLISAFE_CHECK(require_different(settings.labellers, "--labeller"));
  return require_one_address(settings);
}

ImportSettings import_settings(const BuildSettings& settings) {
  std::string types;
  for (const auto type : settings.plan.types)
    types += fmt::format("{}{}", types.empty() ? "" : ",", taxonomy::name(type));
  ImportSettings out = settings.import;
  out.identity = {{"seed", fmt::format("{}", settings.plan.seed)},
                  {"types", types},
                  {"pairs-per-type", fmt::format("{}", settings.plan.pairs_per_type)}};
  return out;
}

Result<void> check_writers(const BuildSettings& settings, const Work& work) {
  HOLISAFE_TRY(const std::int64_t pairs, work.pair_count({}));
  if (!settings.writers.empty() || pairs > 0) return {};
  return bad_flag("who writes?", "--writer",
                  "expected --writer PROVIDER:MODEL: no source brings pairs along");
}

std::vector<ShortCell> short_cells(const std::vector<CellCount>& cells, std::uint64_t fewest) {
  std::map<std::pair<std::size_t, taxonomy::Combination>, std::uint64_t> ready;
  for (const CellCount& cell : cells)
    ready[{cell.subcategory, cell.type}] += cell.state == PairState::ready ? cell.pairs : 0;
  std::vector<ShortCell> out;
  for (const auto& [cell, pairs] : ready) {
    if (pairs < fewest) out.push_back({cell.first, cell.second, pairs});
  }
  return out;
}

Result<BuildEnd> build(const BuildSettings& settings, const StepProgress& progress, const StopFlag& stop) {
  HOLISAFE_CHECK(check_build(settings));
  HOLISAFE_TRY(Work work, Work::open(settings.folder, store::Access::write));
  return BuildRun(settings, std::move(work), progress, stop).run();
}

}  // namespace holisafe::construction
