#include "construction/decisions.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "construction/prompts.h"
#include "dataset/rows.h"

namespace holisafe::construction {
namespace {

constexpr std::size_t most_reviewer_bytes = 200;
constexpr std::size_t most_shown_bytes = 60;

constexpr std::array<std::string_view, 4> pair_decisions{"accept", "edit", "reject", "undo"};
constexpr std::string_view image_decision = "label";

tl::unexpected<Error> wrong_member(ErrorKind kind, std::string_view member, std::string detail) {
  return fail(kind, "invalid decision", std::string(member), std::move(detail));
}

/// The members of a decision's object that are not null, each once.
class DecisionMembers {
 public:
  static Result<DecisionMembers> read(std::string_view json);

  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
  /// Errors: missing.
  [[nodiscard]] Result<std::string> required_text(std::string_view name) const;
  /// Empty where it is left out. Errors: wrong_type.
  [[nodiscard]] Result<std::string> text(std::string_view name) const;
  /// Errors: wrong_type, out_of_range.
  [[nodiscard]] Result<std::int64_t> id(std::string_view name) const;
  /// Errors: unexpected (a member that is none of these).
  [[nodiscard]] Result<void> only(std::initializer_list<std::string_view> names) const;

 private:
  [[nodiscard]] const nlohmann::json* find(std::string_view name) const {
    const auto found =
        std::find_if(all_.begin(), all_.end(), [&](const auto& each) { return each.first == name; });
    return found == all_.end() ? nullptr : &found->second;
  }

  std::vector<std::pair<std::string, nlohmann::json>> all_;
};

Result<DecisionMembers> DecisionMembers::read(std::string_view json) {
  const auto fields = dataset::raw_fields(json);
  if (!fields) {
    const Error& error = fields.error();
    std::string detail =
        error.where.empty() ? error.detail : fmt::format("{}: {}", error.where, error.detail);
    return wrong_member(error.kind, "", std::move(detail));
  }
  DecisionMembers out;
  std::vector<std::string> names;
  for (const auto& [key, text] : *fields) {
    const auto name = nlohmann::json::parse(key, nullptr, false);
    if (!name.is_string()) return wrong_member(ErrorKind::malformed, "", "expected names of UTF-8");
    names.push_back(name.get<std::string>());
    auto value = nlohmann::json::parse(text, nullptr, false);
    if (value.is_discarded())
      return wrong_member(ErrorKind::malformed, excerpt(names.back(), most_shown_bytes),
                          "expected text of whole characters, or a number that can be held");
    if (!value.is_null()) out.all_.emplace_back(names.back(), std::move(value));
  }
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    return wrong_member(ErrorKind::duplicate, excerpt(*twice, most_shown_bytes), "expected it once");
  return out;
}

Result<std::string> DecisionMembers::text(std::string_view name) const {
  const nlohmann::json* found = find(name);
  if (found == nullptr) return std::string();
  if (!found->is_string())
    return wrong_member(ErrorKind::wrong_type, name,
                        fmt::format("expected a text, found {}", excerpt(found->dump(), most_shown_bytes)));
  return found->get<std::string>();
}

Result<std::string> DecisionMembers::required_text(std::string_view name) const {
  if (!has(name)) return wrong_member(ErrorKind::missing, name, "expected, but left out");
  return text(name);
}

Result<std::int64_t> DecisionMembers::id(std::string_view name) const {
  const nlohmann::json* found = find(name);
  if (found == nullptr || !found->is_number_integer())
    return wrong_member(ErrorKind::wrong_type, name,
                        fmt::format("expected a number, found {}",
                                    found == nullptr ? "nothing" : excerpt(found->dump(), most_shown_bytes)));
  const bool fits =
      found->is_number_unsigned() &&
      found->get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!fits) return wrong_member(ErrorKind::out_of_range, name, "expected a number from 0");
  return found->get<std::int64_t>();
}

Result<void> DecisionMembers::only(std::initializer_list<std::string_view> names) const {
  for (const auto& [name, value] : all_) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    return wrong_member(ErrorKind::unexpected, excerpt(name, most_shown_bytes),
                        fmt::format("expected of this decision only {}", fmt::join(names, ", ")));
  }
  return {};
}

Result<std::string> reviewer_of(const DecisionMembers& members, const std::string& otherwise) {
  if (!members.has("reviewer")) return otherwise;
  HOLISAFE_TRY(std::string out, members.text("reviewer"));
  if (strip(out).empty() || out.size() > most_reviewer_bytes)
    return wrong_member(ErrorKind::out_of_range, "reviewer",
                        fmt::format("expected a name of at most {} bytes", most_reviewer_bytes));
  if (out == source_vote)
    return wrong_member(
        ErrorKind::out_of_range, "reviewer",
        fmt::format("expected a person's name, found {}, which says what a source says", out));
  return out;
}

/// A text of an edit: left out, or something.
Result<std::string> edited_text(const DecisionMembers& members, std::string_view name) {
  HOLISAFE_TRY(std::string out, members.text(name));
  if (members.has(name) && strip(out).empty())
    return wrong_member(ErrorKind::out_of_range, name, "expected some text, found none");
  return out;
}

Result<void> read_pair_decision(const DecisionMembers& members, Decision& out) {
  HOLISAFE_TRY(out.pair_id, members.id("id"));
  HOLISAFE_TRY(out.decision, members.required_text("decision"));
  if (std::find(pair_decisions.begin(), pair_decisions.end(), out.decision) == pair_decisions.end())
    return wrong_member(ErrorKind::out_of_range, "decision",
                        fmt::format("expected one of {}, found \"{}\"", fmt::join(pair_decisions, ", "),
                                    excerpt(out.decision, most_shown_bytes)));
  if (out.decision != "edit") return members.only({"id", "decision", "reviewer", "note"});
  HOLISAFE_CHECK(members.only({"id", "decision", "instruction", "response", "reviewer", "note"}));
  if (!members.has("instruction") && !members.has("response"))
    return wrong_member(ErrorKind::missing, "instruction", "expected what is to stand there, or a response");
  HOLISAFE_TRY(out.instruction, edited_text(members, "instruction"));
  HOLISAFE_TRY(out.response, edited_text(members, "response"));
  return {};
}

Result<void> read_image_decision(const DecisionMembers& members, Decision& out) {
  HOLISAFE_TRY(out.image_id, members.id("image_id"));
  HOLISAFE_TRY(out.decision, members.required_text("decision"));
  if (out.decision != image_decision)
    return wrong_member(ErrorKind::out_of_range, "decision",
                        fmt::format("expected {} on an image, found \"{}\"", image_decision,
                                    excerpt(out.decision, most_shown_bytes)));
  HOLISAFE_CHECK(members.only({"image_id", "decision", "label", "reviewer", "note"}));
  HOLISAFE_TRY(out.label, members.required_text("label"));
  const auto label = taxonomy::parse_class(out.label);
  if (label) {
    out.label = taxonomy::classes()[*label].name;
  } else if (out.label != quarantine) {
    return wrong_member(ErrorKind::out_of_range, "label",
                        fmt::format("expected a class's name or {}, found \"{}\"", quarantine,
                                    excerpt(out.label, most_shown_bytes)));
  }
  return {};
}

}  // namespace

Result<Decision> parse_decision(std::string_view json, const std::string& reviewer) {
  HOLISAFE_TRY(const auto members, DecisionMembers::read(json));
  Decision out;
  if (members.has("id") && members.has("image_id"))
    return wrong_member(ErrorKind::unexpected, "image_id", "expected one of id and image_id, found both");
  if (members.has("image_id")) {
    HOLISAFE_CHECK(read_image_decision(members, out));
  } else if (members.has("id")) {
    HOLISAFE_CHECK(read_pair_decision(members, out));
  } else {
    return wrong_member(ErrorKind::missing, "id", "expected the id of a pair, or an image_id");
  }
  HOLISAFE_TRY(out.reviewer, reviewer_of(members, reviewer));
  HOLISAFE_TRY(out.note, members.text("note"));
  return out;
}

std::vector<const Decision*> standing(std::span<const Decision> all) {
  std::vector<const Decision*> out;
  for (const Decision& decision : all) {
    if (decision.decision != "undo") {
      out.push_back(&decision);
      continue;
    }
    const auto last = std::find_if(out.rbegin(), out.rend(),
                                   [&](const Decision* each) { return each->reviewer == decision.reviewer; });
    if (last != out.rend()) out.erase(std::next(last).base());
  }
  return out;
}

PairRow after_decisions(PairRow pair, std::span<const Decision> all) {
  const bool edited =
      pair.review && !(pair.review->before_instruction.empty() && pair.review->before_response.empty());
  if (edited) {
    pair.instruction = std::move(pair.review->before_instruction);
    pair.response = std::move(pair.review->before_response);
  }
  pair.review.reset();
  const auto decisions = standing(all);
  if (decisions.empty()) return pair;
  Review review;
  review.decision = decisions.back()->decision;
  review.reviewer = decisions.back()->reviewer;
  const auto edit = std::find_if(decisions.rbegin(), decisions.rend(),
                                 [](const Decision* each) { return each->decision == "edit"; });
  if (edit != decisions.rend()) {
    review.before_instruction = std::exchange(pair.instruction, (*edit)->instruction);
    review.before_response = std::exchange(pair.response, (*edit)->response);
  }
  pair.review = std::move(review);
  return pair;
}

}  // namespace holisafe::construction
