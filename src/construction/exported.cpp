#include "construction/exported.h"

#include <algorithm>

namespace holisafe::construction {

bool is_chosen(const PairRow& pair, bool reviewed_only) {
  const bool wanted = pair.review && (pair.review->decision == "accept" || pair.review->decision == "edit");
  const bool rejected = pair.review && pair.review->decision == "reject";
  switch (pair.state) {
    case PairState::ready:
      return reviewed_only ? wanted : !rejected;
    case PairState::mismatch:
    case PairState::leaks:
    case PairState::filtered:
      return wanted;
    case PairState::planned:
    case PairState::declined:
    case PairState::failed:
      break;  // there is no text that could go out
  }
  return false;
}

std::string_view why_left_out(const PairRow& pair, ImageState state,
                              const std::optional<std::size_t>& label) {
  if (state == ImageState::quarantined) return "picture in quarantine";
  if (state != ImageState::kept) return "picture no longer kept";
  if (!label || !taxonomy::label_fits(pair.type, static_cast<std::int64_t>(*label)))
    return "picture's label does not fit the combination";
  return {};
}

Result<const PairWithImage*> ExportedPairs::next() {
  while (true) {
    if (at_ == page_.size()) {
      HOLISAFE_TRY(const bool more, fill());
      if (!more) return nullptr;
    }
    const PairWithImage& found = page_[at_++];
    if (!is_chosen(found.pair, reviewed_only_)) continue;
    if (const auto why = why_left_out(found.pair, found.image.state, found.image.label); !why.empty()) {
      auto place = std::find_if(left_out_.begin(), left_out_.end(),
                                [&](const auto& each) { return each.first == why; });
      if (place == left_out_.end()) place = left_out_.insert(place, {why, 0});
      ++place->second;
      continue;
    }
    if (!side_ || found.image.side == *side_) return &found;
  }
}

Result<bool> ExportedPairs::fill() {
  constexpr std::size_t page = 1000;
  if (ended_) return false;
  PairFilter filter;
  filter.after = last_;
  filter.limit = page;
  HOLISAFE_TRY(page_, work_->pairs_with_images(filter));
  at_ = 0;
  ended_ = page_.size() < page;
  if (page_.empty()) return false;
  last_ = page_.back().pair.id;
  return true;
}

}  // namespace holisafe::construction
