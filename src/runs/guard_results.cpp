#include "runs/guard_results.h"

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json_line.h"
#include "verdicts/verdict_json.h"
#include "verdicts/verdict_line.h"

namespace holisafe::runs {
namespace {

constexpr const char* verdicts_name = "verdicts.jsonl";
constexpr const char* summary_name = "summary.json";

Result<GuardSummary> write_verdicts(const verdicts::GuardStore& store, const verdicts::Flagging& flagging,
                                    const WritePiece& write) {
  constexpr std::size_t piece = std::size_t{1} << 20U;
  HOLISAFE_TRY(verdicts::LineCursor lines, store.lines());
  GuardSummary out;
  verdicts::Line line;
  std::string text;
  while (true) {
    HOLISAFE_TRY(const bool found, lines.next(line));
    if (found) {
      out.add(line, flagging);
      text += json_line(verdicts::to_json(line, flagging));
    }
    if (text.size() < piece && found) continue;
    HOLISAFE_CHECK(write(text));
    text.clear();
    if (!found) return out;
  }
}

}  // namespace

void GuardSummary::add(const verdicts::Line& line, const verdicts::Flagging& flagging) {
  if (line.gone) {
    ++gone;
    return;
  }
  ++images;
  if (!line.verdict) {
    ++errors;
    ++error_kinds[std::string(name(line.verdict.error().kind))];
    return;
  }
  ++labels[line.verdict->label];
  if (!flagging.flags(*line.verdict)) return;
  ++flagged;
  ++harms[verdicts::most_probable_harm(*line.verdict)];
}

Result<GuardSummary> write_guard_results(const verdicts::GuardStore& store) {
  HOLISAFE_TRY(const verdicts::Flagging flagging, store.flagging());
  HOLISAFE_TRY(const store::Identity made_from, store.identity());
  HOLISAFE_TRY(const verdicts::GuardCounts counts, store.counts());
  GuardSummary summary;
  HOLISAFE_CHECK(
      write_file_atomic(store.folder() / verdicts_name, [&](const WritePiece& write) -> Result<void> {
        HOLISAFE_TRY(summary, write_verdicts(store, flagging, write));
        return {};
      }));
  summary.duplicates = counts.duplicates;
  const auto json = to_json(summary, flagging, made_from);
  HOLISAFE_CHECK(
      write_file_atomic(store.folder() / summary_name,
                        json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n"));
  return summary;
}

nlohmann::ordered_json to_json(const GuardSummary& summary, const verdicts::Flagging& flagging,
                               const store::Identity& made_from) {
  nlohmann::ordered_json out{{"images", summary.images},
                             {"flagged", summary.flagged},
                             {"errors", summary.errors},
                             {"duplicates", summary.duplicates},
                             {"gone", summary.gone}};
  nlohmann::ordered_json categories;
  nlohmann::ordered_json subcategories;
  nlohmann::ordered_json thresholds;
  for (std::size_t i = 0; i < taxonomy::class_count; ++i) {
    const auto& each = taxonomy::classes()[i];
    auto& category = categories[std::string(each.category)];
    if (category.is_null()) category = {{"images", 0}, {"flagged", 0}};
    category["images"] = category["images"].get<std::uint64_t>() + summary.labels[i];
    category["flagged"] = category["flagged"].get<std::uint64_t>() + summary.harms[i];
    subcategories[std::string(each.name)] = {
        {"category", each.category}, {"images", summary.labels[i]}, {"flagged", summary.harms[i]}};
    if (flagging.is_by_class()) thresholds[std::string(each.name)] = flagging.thresholds()[i];
  }
  if (flagging.is_by_class()) {
    out["thresholds"] = std::move(thresholds);
  } else {
    out["threshold"] = flagging.threshold();
  }
  out["categories"] = std::move(categories);
  out["subcategories"] = std::move(subcategories);
  out["error_kinds"] = nlohmann::ordered_json::object();
  for (const auto& [kind, count] : summary.error_kinds) out["error_kinds"][kind] = count;
  for (const auto& [key, value] : made_from) out["made_from"][key] = value;
  return out;
}

}  // namespace holisafe::runs
