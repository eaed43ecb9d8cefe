#include "construction/decision_batch.h"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "construction/decisions.h"
#include "construction/prompts.h"

namespace holisafe::construction {
namespace {

using review::unknown;
using review::unusable;

/// Whether there is a text that a person may let out, or hold back.
bool can_be_decided(PairState state) {
  return state == PairState::ready || state == PairState::mismatch || state == PairState::leaks ||
         state == PairState::filtered;
}

review::Answer<void> check_accepted(const PairRow& pair) {
  for (const auto& [text, name] :
       {std::pair(&pair.instruction, "instruction"), std::pair(&pair.response, "response")}) {
    if (strip(*text).empty())
      return unusable(ErrorKind::missing, "decision",
                      fmt::format("expected a pair with an instruction and a response, found one without {}; "
                                  "edit it",
                                  name));
  }
  return {};
}

review::Answer<void> check_undone(const std::vector<Decision>& earlier, const std::string& reviewer) {
  const auto stands = standing(earlier);
  const auto own = [&](const Decision* each) { return each->reviewer == reviewer; };
  if (std::any_of(stands.begin(), stands.end(), own)) return {};
  return unusable(ErrorKind::missing, "decision",
                  fmt::format("expected a decision of {} to take back, found none", one_line(reviewer)));
}

}  // namespace

Result<bool> is_shown(const Work& work, const ImageRow& image) {
  if (image.state == ImageState::quarantined) return false;
  if (image.cluster < 0) return true;
  ImageFilter filter;
  filter.state = ImageState::quarantined;
  filter.cluster = image.cluster;
  filter.limit = 1;
  bool shown = true;
  HOLISAFE_CHECK(work.for_each_image(filter, [&](const ImageRow&) -> Result<void> {
    shown = false;
    return {};
  }));
  return shown;
}

Result<DecisionBatch::DecidedPair*> DecisionBatch::find_pair(std::int64_t id) {
  const auto known = pairs_.find(id);
  if (known != pairs_.end()) return &known->second;
  HOLISAFE_TRY(auto found, work_->pair(id));
  if (!found) return nullptr;
  HOLISAFE_TRY(auto decisions, work_->decisions_of_pair(id));
  return &pairs_.emplace(id, DecidedPair{*std::move(found), std::move(decisions)}).first->second;
}

Result<std::optional<ImageRow>> DecisionBatch::find_image(std::int64_t id) const {
  const auto known = images_.find(id);
  if (known != images_.end()) return std::optional(known->second);
  return work_->image(id);
}

/// Also as far as what was added goes.
Result<bool> DecisionBatch::still_shown(const ImageRow& image) const {
  for (const auto& [id, decided] : images_) {
    const bool same = id == image.id || (image.cluster >= 0 && decided.cluster == image.cluster);
    if (same && decided.state == ImageState::quarantined) return false;
  }
  return is_shown(*work_, image);
}

review::Answer<void> DecisionBatch::add(const Decision& decision) {
  return decision.pair_id >= 0 ? add_on_pair(decision) : add_on_image(decision);
}

review::Answer<void> DecisionBatch::add_on_pair(Decision decision) {
  HOLISAFE_TRY(DecidedPair* const pair, find_pair(decision.pair_id));
  if (pair == nullptr) return unknown("no such pair", fmt::format("id {}", decision.pair_id));
  HOLISAFE_TRY(const auto image, find_image(pair->row.image_id));
  HOLISAFE_TRY(const bool shown, image ? still_shown(*image) : Result<bool>(false));
  if (!shown) return unknown("no such pair", fmt::format("id {}", decision.pair_id));
  const PairRow& row = pair->row;
  if (!can_be_decided(row.state))
    return unusable(ErrorKind::unexpected, "id",
                    fmt::format("expected a pair that is ready, mismatch, leaks or filtered, found one that "
                                "is {}",
                                name(row.state)));
  if (decision.decision == "undo") HOLISAFE_CHECK(check_undone(pair->decisions, decision.reviewer));
  if (decision.decision == "accept") HOLISAFE_CHECK(check_accepted(row));
  if (decision.decision == "edit") {
    if (decision.instruction.empty()) decision.instruction = row.instruction;
    if (decision.response.empty()) decision.response = row.response;
    for (const auto& [text, name] :
         {std::pair(&decision.instruction, "instruction"), std::pair(&decision.response, "response")}) {
      if (strip(*text).empty())
        return unusable(ErrorKind::missing, name, "expected a text, and there is none");
    }
  }
  settle(*pair, decision);
  return {};
}

void DecisionBatch::settle(DecidedPair& pair, const Decision& decision) {
  pair.decisions.push_back(decision);
  pair.row = after_decisions(std::move(pair.row), pair.decisions);
  decisions_.push_back(decision);
}

review::Answer<void> DecisionBatch::add_on_image(const Decision& decision) {
  const auto nothing = [&] { return unknown("no such image", fmt::format("id {}", decision.image_id)); };
  HOLISAFE_TRY(auto image, find_image(decision.image_id));
  if (!image) return nothing();
  HOLISAFE_TRY(const bool shown, still_shown(*image));
  if (!shown) return nothing();
  if (decision.label == quarantine) {
    image->state = ImageState::quarantined;
    image->reason = fmt::format("{} says {}", decision.reviewer, quarantine);
    image->label.reset();
    HOLISAFE_CHECK(reject_pairs_of(*image, decision));
  } else {
    HOLISAFE_CHECK(may_label(*image));
    image->state = ImageState::kept;
    image->reason.clear();
    image->label = taxonomy::parse_class(decision.label);
  }
  image->votes.push_back({decision.reviewer, decision.label});
  images_[decision.image_id] = *std::move(image);
  decisions_.push_back(decision);
  return {};
}

/// An image in dispute, or without a word; also one that a person settled, as long as nothing was planned
/// from it.
review::Answer<void> DecisionBatch::may_label(const ImageRow& image) {
  if (image.state == ImageState::disputed || image.state == ImageState::unlabelled) return {};
  const auto refused = [&](std::string_view why) {
    return unusable(ErrorKind::unexpected, "image_id",
                    fmt::format("expected an image that is disputed or unlabelled, found one that is {}{}",
                                name(image.state), why));
  };
  HOLISAFE_TRY(const bool by_person, was_labelled_by_person(image.id));
  if (image.state != ImageState::kept || !by_person) return refused("");
  PairFilter planned;
  planned.image = image.id;
  HOLISAFE_TRY(const auto pairs, work_->pair_count(planned));
  if (pairs > 0) return refused(", with pairs");
  return {};
}

Result<bool> DecisionBatch::was_labelled_by_person(std::int64_t image) {
  const auto about_it = [&](const Decision& each) { return each.image_id == image; };
  bool out = std::any_of(decisions_.begin(), decisions_.end(), about_it);
  if (out) return true;
  HOLISAFE_CHECK(work_->for_each_decision([&](const Decision& each) -> Result<void> {
    out = out || about_it(each);
    return {};
  }));
  return out;
}

/// Of all pictures of its cluster, which look the same.
Result<void> DecisionBatch::reject_pairs_of(const ImageRow& image, const Decision& because) {
  std::vector<std::int64_t> images{image.id};
  if (image.cluster >= 0) {
    images.clear();
    ImageFilter same;
    same.cluster = image.cluster;
    HOLISAFE_CHECK(work_->for_each_image(same, [&](const ImageRow& each) -> Result<void> {
      images.push_back(each.id);
      return {};
    }));
  }
  std::vector<std::int64_t> pairs;
  for (const std::int64_t id : images) {
    PairFilter of_image;
    of_image.image = id;
    HOLISAFE_CHECK(work_->for_each_pair(of_image, [&](const PairRow& pair) -> Result<void> {
      if (can_be_decided(pair.state)) pairs.push_back(pair.id);
      return {};
    }));
  }
  for (const std::int64_t id : pairs) {
    HOLISAFE_TRY(DecidedPair* const pair, find_pair(id));
    Decision reject;
    reject.pair_id = id;
    reject.decision = "reject";
    reject.reviewer = because.reviewer;
    reject.note = "its picture is in quarantine";
    settle(*pair, reject);
  }
  return {};
}

Result<void> DecisionBatch::write() {
  std::vector<PairRow> pairs;
  for (const auto& [id, pair] : pairs_) pairs.push_back(pair.row);
  std::vector<ImageRow> images;
  for (const auto& [id, image] : images_) images.push_back(image);
  return work_->together([&]() -> Result<void> {
    for (const Decision& decision : decisions_) HOLISAFE_CHECK(work_->decide(decision, {}, {}));
    HOLISAFE_CHECK(work_->write(pairs));
    return work_->write(images);
  });
}

}  // namespace holisafe::construction
