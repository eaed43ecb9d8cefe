#include "construction/card_parts.h"

#include <fmt/format.h>

#include "exports/markdown.h"

namespace holisafe::construction {
namespace {

using exports::markdown_tables;
using exports::markdown_text;
using exports::PrintCell;
using exports::PrintPart;
using exports::PrintTable;
using taxonomy::Combination;
using taxonomy::combination_count;

std::uint64_t pairs_of_type(const SideCounts& side, std::size_t type) {
  std::uint64_t out = 0;
  for (std::size_t i = type; i < side.cells.size(); i += combination_count) out += side.cells[i];
  return out;
}

PrintCell number(std::uint64_t count) { return {fmt::format("{}", count)}; }

std::string table_text(std::string caption, std::vector<exports::PrintColumn> columns, PrintPart part) {
  PrintTable table;
  table.caption = std::move(caption);
  table.columns = std::move(columns);
  table.parts = {std::move(part)};
  return markdown_tables(std::vector{table}, {});
}

}  // namespace

std::string title_of(const CardFacts& facts) {
  return facts.name.empty() ? "Pictures and texts, safe and unsafe alone and together" : facts.name;
}

std::uint64_t build_count(const CardFacts& facts, std::string_view group, std::string_view name) {
  const auto found = facts.build.find(group);
  if (found == facts.build.end() || !found->is_object()) return 0;
  const auto count = found->find(name);
  return count != found->end() && count->is_number() ? count->get<std::uint64_t>() : 0;
}

std::string share_text(std::uint64_t part, std::uint64_t whole) {
  const double share = whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
  return fmt::format("{:.1f}%", 100 * share);
}

std::string named_counts(const std::vector<std::pair<std::string, std::uint64_t>>& names,
                         std::uint64_t others) {
  std::string out;
  for (const auto& [name, count] : names)
    out += fmt::format("{}{} ({})", out.empty() ? "" : ", ", markdown_text(name), count);
  if (others > 0) out += fmt::format(", others ({})", others);
  return out.empty() ? "none" : out;
}

std::string combination_table(const CardFacts& facts) {
  PrintPart part;
  for (std::size_t i = 0; i < combination_count; ++i) {
    const auto type = static_cast<Combination>(i);
    const auto word = [](bool safe) { return PrintCell{safe ? "safe" : "unsafe"}; };
    part.rows.push_back({{std::string(taxonomy::name(type))},
                         word(taxonomy::image_safe(type)),
                         word(taxonomy::text_safe(type)),
                         word(!taxonomy::expects_refusal(type)),
                         number(pairs_of_type(facts.counts.train, i)),
                         number(pairs_of_type(facts.counts.bench, i))});
  }
  part.rows.push_back(
      {{"all"}, {""}, {""}, {""}, number(facts.counts.train.pairs), number(facts.counts.bench.pairs)});
  part.rows.push_back(
      {{"pictures"}, {""}, {""}, {""}, number(facts.counts.train.images), number(facts.counts.bench.images)});
  return table_text("Pairs by combination",
                    {{"Combination"}, {"Picture"}, {"Text"}, {"Together"}, {"Train", true}, {"Bench", true}},
                    std::move(part));
}

std::string subcategory_table(const CardFacts& facts) {
  std::vector<exports::PrintColumn> columns = {{"Category"}, {"Subcategory"}};
  for (std::size_t i = 0; i < combination_count; ++i)
    columns.push_back({std::string(taxonomy::name(static_cast<Combination>(i))), true});
  PrintPart part;
  for (std::size_t i = 0; i < taxonomy::class_count; ++i) {
    std::vector<PrintCell> row = {{std::string(taxonomy::classes()[i].category)},
                                  {std::string(taxonomy::classes()[i].name)}};
    std::uint64_t sum = 0;
    for (std::size_t type = 0; type < combination_count; ++type) {
      const std::size_t cell = cell_of(i, static_cast<Combination>(type));
      const std::uint64_t train = facts.counts.train.cells[cell];
      const std::uint64_t bench = facts.counts.bench.cells[cell];
      sum += train + bench;
      row.push_back({fmt::format("{} + {}", train, bench)});
    }
    if (sum > 0) part.rows.push_back(std::move(row));
  }
  return table_text("Pairs by subcategory and combination, train + bench", std::move(columns),
                    std::move(part));
}

std::string state_table(const CardFacts& facts) {
  PrintPart part;
  const auto planned = build_count(facts, "pairs", "planned");
  for (const auto& [state, meaning] :
       {std::pair{PairState::ready, "passed every check and filter"},
        {PairState::declined, "no writer would write them"},
        {PairState::mismatch, "the checker saw another combination than planned"},
        {PairState::leaks,
         "the text says what the picture shows, or is harmful where it must not be, or the reverse"},
        {PairState::filtered,
         "too long or short, in another language, twice for one picture, or not answered as needed"},
        {PairState::failed, "no sound reply came"}}) {
    const std::uint64_t count = build_count(facts, "pairs", name(state));
    part.rows.push_back({{std::string(name(state))}, number(count), {share_text(count, planned)}, {meaning}});
  }
  part.rows.push_back({{"planned"}, number(planned), {share_text(planned, planned)}, {"all"}});
  return table_text("What became of the pairs that were planned",
                    {{"State"}, {"Pairs", true}, {"Percent", true}, {"Meaning"}}, std::move(part));
}

std::string near_duplicate_text(const CardFacts& facts) {
  const auto count = [&](ImageState state) { return build_count(facts, "images", name(state)); };
  std::string out = fmt::format(
      "Of {} pictures that were found, {} are kept, {} are byte for byte or pixel for pixel another one, and "
      "{} are near-duplicates "
      "of another (re-encoded, resized, cut a little, mirrored, brighter or darker): candidates by the "
      "perceptual hash "
      "PDQ, confirmed on pixels. ",
      build_count(facts, "images", "found"), count(ImageState::kept), count(ImageState::duplicate),
      count(ImageState::near_duplicate));
  out +=
      "Pictures that are copies of each other are one cluster, and a cluster is on one side: no picture, and "
      "no copy of "
      "it, is in both train and bench. ";
  out += fmt::format(
      "Further pictures were left aside: {} that do not decode, {} too small, {} without a label, {} on "
      "whose label copies or labellers disagree, {} in quarantine.",
      count(ImageState::undecodable), count(ImageState::too_small), count(ImageState::unlabelled),
      count(ImageState::disputed), count(ImageState::quarantined));
  return out;
}

std::string decline_text(const CardFacts& facts) {
  if (facts.declines.empty()) return "No writer declined a pair.";
  return fmt::format(
      "Pairs that a writer declined, by writer: {}. A pair that one writer declined fell to the next one, "
      "where there "
      "was one; {} were declined by all. No prompt tries to get round a decline.",
      named_counts(facts.declines), build_count(facts, "pairs", name(PairState::declined)));
}

std::string check_text(const CardFacts& facts) {
  const ExportCounts& counts = facts.counts;
  std::string out = fmt::format("Instructions by writer: {}.",
                                named_counts(counts.writers.entries(), counts.writers.others()));
  if (!counts.checkers.empty()) {
    out += fmt::format(
        " Each was checked by a model that was not told what had been planned, once with the picture and "
        "once the text "
        "alone: {}.",
        named_counts(counts.checkers.entries(), counts.checkers.others()));
  }
  if (counts.own_checker > 0)
    out += fmt::format(" The checker was the writer itself for {} pairs ({}).", counts.own_checker,
                       share_text(counts.own_checker, counts.pairs()));
  if (counts.unchecked > 0)
    out += fmt::format(" Not checked by a model: {} pairs ({}).", counts.unchecked,
                       share_text(counts.unchecked, counts.pairs()));
  return out;
}

std::string review_text(const CardFacts& facts) {
  const ExportCounts& counts = facts.counts;
  const std::uint64_t reviewed = counts.accepted + counts.edited;
  std::string out =
      fmt::format("People reviewed {} of {} pairs ({}): {} accepted as they stood, {} edited.", reviewed,
                  counts.pairs(), share_text(reviewed, counts.pairs()), counts.accepted, counts.edited);
  if (!counts.reviewers.empty())
    out +=
        fmt::format(" Reviewers: {}.", named_counts(counts.reviewers.entries(), counts.reviewers.others()));
  return out;
}

std::string license_text(const CardFacts& facts) {
  const ExportCounts& counts = facts.counts;
  std::string out =
      facts.license.empty() ? "" : fmt::format("The data set: {}. ", markdown_text(facts.license));
  out += fmt::format("Pairs by the license of their picture: {}. ",
                     named_counts(counts.licenses.entries(), counts.licenses.others()));
  if (counts.without_license > 0) {
    out += fmt::format(
        "For {} pairs ({}) nothing is known of the picture's license: do not pass these pictures on "
        "before you know. ",
        counts.without_license, share_text(counts.without_license, counts.pairs()));
  }
  return out + "`provenance.jsonl` names it for each pair.";
}

}  // namespace holisafe::construction
