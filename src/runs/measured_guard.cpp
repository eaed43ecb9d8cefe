#include "runs/measured_guard.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/text.h"
#include "benchmarks/published_guards.h"
#include "metrics/figure_json.h"
#include "metrics/guard_metrics_json.h"
#include "runs/run_rows.h"

namespace holisafe::runs {
namespace {

using metrics::BinaryMetrics;
using Json = nlohmann::ordered_json;

constexpr const char* reader_key = "guard-reader";

/// Counts images one after the other.
class GuardCount {
 public:
  void add(const store::Sample& sample, const guard_formats::Reading& reading) {
    const int label = sample.label.value_or(0);
    if (!reading) {
      ++unjudged_[label != 0 ? 1 : 0];
      add_reason(sample.id, reading.error());
      return;
    }
    const bool flagged = reading->flagged.value_or(false);
    binary_.push_back({label != 0, flagged, reading->score});
    if (reading->classes) classes_.push_back({static_cast<std::uint8_t>(label), *reading->classes});
    if (!flagged) return;
    for (const std::string& name : reading->categories) ++categories_[name];
  }

  report::MeasuredGuard finish(std::optional<double> threshold) {
    report::MeasuredGuard out;
    out.threshold = threshold;
    out.binary = metrics::binary_metrics(binary_);
    const auto [safe, unsafe] = unjudged_;
    const BinaryMetrics& found = out.binary;
    out.worst = metrics::binary_rates(found.true_positives, found.false_positives + safe,
                                      found.true_negatives, found.false_negatives + unsafe);
    out.best = metrics::binary_rates(found.true_positives + unsafe, found.false_positives,
                                     found.true_negatives + safe, found.false_negatives);
    out.unjudged = safe + unsafe;
    out.reasons = std::move(reasons_);
    std::stable_sort(out.reasons.begin(), out.reasons.end(),
                     [](const auto& a, const auto& b) { return a.images > b.images; });
    out.categories.assign(categories_.begin(), categories_.end());
    std::stable_sort(out.categories.begin(), out.categories.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    if (!classes_.empty()) out.classes = metrics::guard_metrics(classes_);
    if (!found.auroc) return out;
    std::vector<metrics::ScoredImage> images;
    for (const auto& row : binary_) images.push_back({*row.score, row.unsafe});
    out.curves = metrics::curves(std::move(images));
    return out;
  }

 private:
  void add_reason(const std::string& image, const guard_formats::Unread& unread) {
    const auto place = std::find_if(reasons_.begin(), reasons_.end(),
                                    [&](const auto& reason) { return reason.why == unread.why; });
    if (place != reasons_.end()) {
      ++place->images;
    } else {
      reasons_.push_back({unread.why, 1, image, unread.found});
    }
  }

  std::vector<metrics::BinaryRow> binary_;
  std::vector<metrics::GuardRow> classes_;
  std::array<std::uint64_t, 2> unjudged_{};  ///< safe, unsafe
  std::vector<report::UnjudgedImages> reasons_;
  std::map<std::string, std::uint64_t> categories_;
};

Json bounds_json(const report::MeasuredGuard& guard) {
  const auto ends = [&](std::optional<double> BinaryMetrics::*rate) {
    const auto& worst = guard.worst.*rate;
    const auto& best = guard.best.*rate;
    return worst && best ? Json::array({*worst, *best}) : Json(nullptr);
  };
  return {{"accuracy", ends(&BinaryMetrics::accuracy)},
          {"precision", ends(&BinaryMetrics::precision)},
          {"recall", ends(&BinaryMetrics::recall)},
          {"f1", ends(&BinaryMetrics::f1)}};
}

Json binary_json(const BinaryMetrics& found) {
  using metrics::number_json;
  return {{"accuracy", number_json(found.accuracy)}, {"precision", number_json(found.precision)},
          {"recall", number_json(found.recall)},     {"f1", number_json(found.f1)},
          {"auroc", number_json(found.auroc)},       {"ece", number_json(found.ece)},
          {"true_positives", found.true_positives},  {"false_positives", found.false_positives},
          {"true_negatives", found.true_negatives},  {"false_negatives", found.false_negatives}};
}

Error damaged(const store::RunStore& store, const char* expected) {
  return {ErrorKind::malformed, "damaged run store",
          fmt::format("{}: {}", (store.folder() / store::RunStore::guard_answers_file).string(), reader_key),
          fmt::format("expected {}, found something else", expected)};
}

/// How a store's answers are read, what the guard is called, and where they came from.
struct Remembered {
  GuardReader reader;
  std::string name;
  std::string source;
};

Result<Remembered> remembered(const store::RunStore& store) {
  HOLISAFE_TRY(const auto text, store.value(reader_key));
  if (!text) {
    return fail(ErrorKind::missing, "run never begun", store.folder().string(),
                "expected a guard's answers and how they are read, found neither");
  }
  constexpr std::size_t levels = 3;
  const Json json = nests_deeper(*text, levels) ? Json() : Json::parse(*text, nullptr, false);
  Remembered out;
  out.name = ask::text_of(ask::member(json, "name"));
  out.source = ask::text_of(ask::member(json, "source"));
  const std::string format = ask::text_of(ask::member(json, "format"));
  if (out.name.empty() || format.empty()) return fail(damaged(store, "name and format of a guard"));
  out.reader.format = guard_formats::find(format);
  if (out.reader.format == nullptr) {
    return fail(ErrorKind::unsupported, "unknown format of guards", format,
                fmt::format("expected {}", fmt::join(guard_formats::names(), ", ")));
  }
  const Json& threshold = ask::member(json, "threshold");
  if (threshold.is_number()) out.reader.threshold = threshold.get<double>();
  const Json& prompts = ask::member(json, "prompts");
  if (!prompts.is_array() || (!threshold.is_null() && !threshold.is_number()))
    return fail(damaged(store, "prompts and a threshold"));
  for (const Json& name : prompts) {
    if (!name.is_string()) return fail(damaged(store, "names of prompts"));
    out.reader.prompts.push_back({name.get<std::string>(), ""});
  }
  return out;
}

}  // namespace

Result<report::MeasuredGuard> measure_guard(const store::RunStore& store, const GuardReader& reader) {
  GuardCount count;
  HOLISAFE_TRY(RunRows rows, RunRows::open({"", {&store}}, ""));
  while (true) {
    HOLISAFE_TRY(const auto answers, rows.next_sample());
    if (answers.empty()) break;
    count.add(answers.front().sample, reader.read(answers));
  }
  report::MeasuredGuard out = count.finish(reader.threshold);
  out.format = reader.format->name;
  return out;
}

nlohmann::ordered_json to_json(const report::MeasuredGuard& guard) {
  const Json classes = guard.classes ? metrics::to_json(*guard.classes) : Json::object();
  const auto of_classes = [&](const char* name) {
    return classes.contains(name) ? classes[name] : Json(nullptr);
  };
  Json out;
  out["guard"] = guard.name;
  out["format"] = guard.format;
  out["n"] = guard.binary.rows();
  out["unjudged"] = guard.unjudged;
  out["accuracy"] = of_classes("accuracy");
  out["threshold"] = metrics::number_json(guard.threshold);
  out["binary"] = binary_json(guard.binary);
  for (const char* name : {"ece", "classes", "confusion", "calibration"}) out[name] = of_classes(name);
  out["bounds"] = bounds_json(guard);
  out["unjudged_reasons"] = Json::array();
  for (const auto& reason : guard.reasons) {
    out["unjudged_reasons"].push_back(
        {{"reason", reason.why}, {"n", reason.images}, {"image", reason.image}, {"found", reason.found}});
  }
  out["categories"] = Json::object();
  for (const auto& [name, images] : guard.categories) out["categories"][name] = images;
  return out;
}

Result<void> remember_reader(store::RunStore& store, const GuardReader& reader, const std::string& name,
                             const std::string& source) {
  Json prompts = Json::array();
  for (const auto& prompt : reader.prompts) prompts.push_back(prompt.name);
  return store.put_value(reader_key, ask::to_text({{"name", name},
                                                   {"source", source},
                                                   {"format", reader.format->name},
                                                   {"threshold", metrics::number_json(reader.threshold)},
                                                   {"prompts", std::move(prompts)}}));
}

bool holds_guard_answers(const std::filesystem::path& folder) {
  std::error_code code;
  return std::filesystem::exists(folder / store::RunStore::guard_answers_file, code);
}

Result<report::MeasuredGuard> measured_guard(const std::filesystem::path& folder) {
  HOLISAFE_TRY(const auto store, store::RunStore::open_guard_answers(folder, store::Access::read));
  HOLISAFE_TRY(const Remembered known, remembered(store));
  HOLISAFE_TRY(auto out, measure_guard(store, known.reader));
  out.name = known.name;
  out.source = known.source;
  return out;
}

Result<std::vector<report::MeasuredGuard>> take_guards(std::vector<std::string>& folders) {
  std::vector<std::string> others;
  std::vector<std::string> taken;
  for (std::string& folder : folders) (holds_guard_answers(folder) ? taken : others).push_back(folder);
  std::vector<report::MeasuredGuard> out;
  std::map<std::string, int> uses;
  for (const std::string& folder : taken) {
    HOLISAFE_TRY(auto guard, measured_guard(folder));
    ++uses[guard.name];
    out.push_back(std::move(guard));
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (uses[out[i].name] > 1) out[i].name = fmt::format("{} ({})", out[i].name, taken[i]);
  }
  folders = std::move(others);
  return out;
}

report::Report guard_report(std::span<const report::MeasuredGuard> guards, const std::string& version) {
  report::Report out;
  out.title = "Image guards on HoliSafe-Bench";
  out.subtitle = guards.size() == 1 ? fmt::format("{}: {} images", guards[0].name, guards[0].images())
                                    : fmt::format("{} guards", guards.size());
  out.sections = report::guard_bench_sections(guards, benchmarks::published_guards());
  out.footer = fmt::format("Made by holisafe {}.", version);
  return out;
}

report::Report with_guards(report::Report runs, std::span<const report::MeasuredGuard> guards,
                           const std::string& version) {
  if (guards.empty()) return runs;
  report::Report own = guard_report(guards, version);
  if (runs.sections.empty()) return own;
  for (auto& section : own.sections) runs.sections.push_back(std::move(section));
  runs.subtitle += fmt::format(", {} {}", guards.size(), guards.size() == 1 ? "guard" : "guards");
  return runs;
}

}  // namespace holisafe::runs
