#include "construction/build_report.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/hash.h"
#include "construction/reviewer_agreement.h"
#include "metrics/agreement.h"
#include "moderation/thumbnail.h"
#include "report/page.h"

namespace holisafe::construction {
namespace {

using taxonomy::Combination;

constexpr std::size_t state_count = 7;
constexpr std::size_t most_clusters = 40;
constexpr std::size_t most_of_cluster = 8;
constexpr std::size_t most_reasons = 30;

std::string shown_number(std::uint64_t value) { return fmt::format("{}", value); }

/// Pairs of a group by their state.
using PairStates = std::array<std::uint64_t, state_count>;

std::uint64_t pairs_in(const PairStates& counts, PairState state) {
  return counts[static_cast<std::size_t>(state)];
}

std::uint64_t pairs_of(const PairStates& counts) {
  std::uint64_t out = 0;
  for (const std::uint64_t each : counts) out += each;
  return out;
}

/// A table with a row a group and a column a state.
report::Table states_table(std::string first, const std::vector<std::pair<std::string, PairStates>>& groups) {
  report::Table out;
  out.columns = {{std::move(first)}, {"Pairs", true}};
  std::vector<PairState> shown;
  for (std::size_t i = 0; i < state_count; ++i) {
    const auto state = static_cast<PairState>(i);
    const bool any = std::any_of(groups.begin(), groups.end(),
                                 [&](const auto& group) { return pairs_in(group.second, state) > 0; });
    if (!any && state != PairState::ready) continue;
    shown.push_back(state);
    out.columns.push_back({std::string(name(state)), true});
  }
  for (const auto& [title, counts] : groups) {
    report::Table::Row row{{{title}, {shown_number(pairs_of(counts))}}};
    for (const PairState state : shown) {
      report::Cell cell{shown_number(pairs_in(counts, state))};
      if (state != PairState::ready && pairs_of(counts) > 0) {
        cell.shade = report::Shade::bad;
        cell.strength = static_cast<double>(pairs_in(counts, state)) / static_cast<double>(pairs_of(counts));
      }
      row.cells.push_back(std::move(cell));
    }
    out.rows.push_back(std::move(row));
  }
  return out;
}

struct PairTables {
  PairStates all{};
  std::array<PairStates, taxonomy::combination_count> types{};
  std::array<PairStates, taxonomy::class_count> classes{};
};

PairTables tables_of(const std::vector<CellCount>& cells) {
  PairTables out;
  for (const CellCount& cell : cells) {
    const auto state = static_cast<std::size_t>(cell.state);
    out.all[state] += cell.pairs;
    out.types[static_cast<std::size_t>(cell.type)][state] += cell.pairs;
    out.classes[cell.subcategory][state] += cell.pairs;
  }
  return out;
}

report::Section pair_section(const PairTables& tables) {
  std::vector<std::pair<std::string, PairStates>> types;
  for (std::size_t i = 0; i < tables.types.size(); ++i)
    types.emplace_back(taxonomy::name(static_cast<Combination>(i)), tables.types[i]);
  std::vector<std::pair<std::string, PairStates>> classes;
  for (std::size_t i = 0; i < tables.classes.size(); ++i) {
    if (pairs_of(tables.classes[i]) > 0) classes.emplace_back(taxonomy::classes()[i].name, tables.classes[i]);
  }
  return {"pairs",
          "Pairs",
          {{report::Heading{"By combination"}},
           {states_table("Combination", types)},
           {report::Heading{"By subcategory"}},
           {states_table("Subcategory", classes)}}};
}

/// Why pairs are not ready: state, filter and the first words of the reason, which a writer's own words
/// follow.
Result<report::Section> reason_section(const Work& work) {
  std::map<std::pair<std::string, std::string>, std::uint64_t> reasons;
  HOLISAFE_CHECK(work.for_each_pair({}, [&](const PairRow& pair) -> Result<void> {
    if (pair.state == PairState::ready || pair.state == PairState::planned) return {};
    std::string state(name(pair.state));
    if (!pair.filter.empty()) state += fmt::format(" ({})", pair.filter);
    constexpr std::size_t most_bytes = 120;
    constexpr std::size_t most_kept = 10'000;
    const std::pair key{std::move(state), excerpt(pair.reason, most_bytes)};
    if (reasons.size() < most_kept || reasons.contains(key)) ++reasons[key];
    return {};
  }));
  std::vector<std::pair<std::pair<std::string, std::string>, std::uint64_t>> sorted(reasons.begin(),
                                                                                    reasons.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  report::Table table;
  table.columns = {{"State"}, {"Reason"}, {"Pairs", true}};
  for (std::size_t i = 0; i < std::min(sorted.size(), most_reasons); ++i)
    table.rows.push_back(
        {{{sorted[i].first.first}, {sorted[i].first.second}, {shown_number(sorted[i].second)}}});
  report::Section out{"reasons", "What is not ready, and why", {}};
  if (table.rows.empty()) {
    out.blocks.push_back({report::Paragraph{"Every pair is ready."}});
    return out;
  }
  table.caption = sorted.size() > most_reasons
                      ? fmt::format("The {} most frequent of {} reasons.", most_reasons, sorted.size())
                      : std::string();
  out.blocks.push_back({std::move(table)});
  return out;
}

/// By the names of two who judged the same.
using Agreements = std::map<std::pair<std::string, std::string>, metrics::Agreement>;

report::Table agreement_table(const std::string& who, const std::string& what, const std::string& same,
                              const Agreements& agreements) {
  report::Table out;
  out.columns = {{who}, {who}, {what, true}, {same, true}, {"Kappa", true}};
  for (const auto& [names, found] : agreements) {
    const auto kappa = found.kappa();
    out.rows.push_back({{{names.first},
                         {names.second},
                         {shown_number(found.judged())},
                         {report::percent(found.raw())},
                         {kappa ? fmt::format("{:.2f}", *kappa) : "\xe2\x80\x93"}}});
  }
  return out;
}

/// Images by state, and what labellers said of the same ones.
struct ImageCounts {
  std::array<std::uint64_t, 8> states{};
  Agreements agreement;

  void add(const ImageRow& image) {
    ++states[static_cast<std::size_t>(image.state)];
    for (std::size_t i = 0; i < image.votes.size(); ++i) {
      for (std::size_t j = i + 1; j < image.votes.size(); ++j) {
        // One label more than there are classes: quarantine.
        auto& found = agreement.try_emplace({image.votes[i].by, image.votes[j].by}, taxonomy::class_count + 1)
                          .first->second;
        found.add(number_of(image.votes[i]), number_of(image.votes[j]));
      }
    }
  }

  static metrics::MarkNumber number_of(const Vote& vote) {
    metrics::MarkNumber out;
    out.label = static_cast<std::uint8_t>(taxonomy::parse_class(vote.label).value_or(taxonomy::class_count));
    return out;
  }
};

report::Section image_section(const ImageCounts& counts) {
  report::Table table;
  table.columns = {{"State"}, {"Images", true}};
  for (std::size_t i = 0; i < counts.states.size(); ++i) {
    if (counts.states[i] > 0)
      table.rows.push_back(
          {{{std::string(name(static_cast<ImageState>(i)))}, {shown_number(counts.states[i])}}});
  }
  report::Section out{"images", "Images", {{std::move(table)}}};
  if (counts.agreement.empty()) return out;
  out.blocks.push_back({report::Heading{"How far labellers agree"}});
  out.blocks.push_back({agreement_table("Labeller", "Images", "Same label", counts.agreement)});
  return out;
}

/// Nothing where no two decided the same pair.
Result<std::optional<report::Section>> reviewer_section(const Work& work) {
  HOLISAFE_TRY(const ReviewerAgreement agreement, reviewer_agreement(work));
  if (agreement.found.empty()) return std::nullopt;
  report::Table table = agreement_table("Reviewer", "Pairs both decided", "Same decision", agreement.found);
  table.caption = "Of each reviewer the last decision on a pair that stands: accept, edit or reject.";
  if (agreement.left_out > 0)
    table.caption += fmt::format(" {} more reviewers are left out.", agreement.left_out);
  return report::Section{
      "review", "Review", {{report::Heading{"How far reviewers agree"}}, {std::move(table)}}};
}

std::optional<Digest> digest_from(std::string_view text) {
  Digest out{};
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  if (text.size() != 2 * out.size()) return std::nullopt;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = digit(text[2 * i]);
    const int low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out[i] = static_cast<std::byte>(16 * high + low);
  }
  return out;
}

bool may_be_seen(const ImageRow& image) {
  return image.state != ImageState::quarantined && image.state != ImageState::unlabelled;
}

std::vector<report::Picture> pictures_of(const std::vector<ImageRow>& cluster) {
  std::vector<report::Picture> out;
  for (std::size_t i = 0; i < std::min(cluster.size(), most_of_cluster); ++i) {
    const ImageRow& image = cluster[i];
    report::Picture picture;
    if (const auto content = digest_from(image.sha256)) {
      picture = moderation::thumbnail(image.file, *content, {});
    } else {
      picture.missing = "no hash of its content";
    }
    picture.title = image.path;
    picture.note = fmt::format("{}, {}", image.id, name(image.state));
    if (image.label) picture.note += fmt::format(", {}", taxonomy::classes()[*image.label].name);
    out.push_back(std::move(picture));
  }
  return out;
}

/// The clusters of several pictures, by their smallest id.
Result<std::map<std::int64_t, std::uint64_t>> clusters_of(const Work& work) {
  std::map<std::int64_t, std::uint64_t> sizes;
  HOLISAFE_CHECK(work.for_each_image([&](const ImageRow& image) -> Result<void> {
    if (image.cluster >= 0) ++sizes[image.cluster];
    return {};
  }));
  std::erase_if(sizes, [](const auto& each) { return each.second < 2; });
  return sizes;
}

Result<report::Section> cluster_section(const Work& work) {
  HOLISAFE_TRY(const auto sizes, clusters_of(work));
  report::Section out{"clusters", "One picture several times", {}};
  std::size_t shown = 0;
  for (const auto& [cluster, size] : sizes) {
    if (shown == most_clusters) break;
    std::vector<ImageRow> images;
    HOLISAFE_CHECK(work.for_each_image({.cluster = cluster}, [&](const ImageRow& image) -> Result<void> {
      images.push_back(image);
      return {};
    }));
    if (!std::all_of(images.begin(), images.end(), may_be_seen)) continue;
    if (shown++ == 0) out.blocks.push_back({report::Paragraph{report::held_to_be_seen}});
    out.blocks.push_back({report::Heading{fmt::format("Cluster {}: {} pictures", cluster, size)}});
    out.blocks.push_back({report::Pictures{pictures_of(images)}});
  }
  const std::string summary =
      sizes.empty() ? std::string("No picture was found twice.")
                    : fmt::format("{} clusters of several pictures; {} are shown.", sizes.size(), shown);
  out.blocks.insert(out.blocks.begin(), {report::Paragraph{summary}});
  return out;
}

}  // namespace

Result<report::Report> build_report(const Work& work, const std::string& version) {
  HOLISAFE_TRY(const auto cells, work.pair_cells());
  const PairTables tables = tables_of(cells);
  ImageCounts images;
  HOLISAFE_CHECK(work.for_each_image([&](const ImageRow& image) -> Result<void> {
    images.add(image);
    return {};
  }));
  report::Report out;
  out.title = "Data build";
  out.subtitle =
      fmt::format("{} of {} pairs ready", pairs_in(tables.all, PairState::ready), pairs_of(tables.all));
  out.sections.push_back(pair_section(tables));
  HOLISAFE_TRY(auto reasons, reason_section(work));
  out.sections.push_back(std::move(reasons));
  out.sections.push_back(image_section(images));
  HOLISAFE_TRY(auto reviewers, reviewer_section(work));
  if (reviewers) out.sections.push_back(std::move(*reviewers));
  HOLISAFE_TRY(auto clusters, cluster_section(work));
  out.sections.push_back(std::move(clusters));
  out.footer = fmt::format("Made by holisafe {}.", version);
  return out;
}

Result<void> write_build_report(const Work& work, const std::string& version) {
  HOLISAFE_TRY(const report::Report shown, build_report(work, version));
  return write_file_atomic(work.folder() / report_file, report::page(shown));
}

}  // namespace holisafe::construction
