#include "construction/label_vote.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "ask/json.h"
#include "construction/prompts.h"

namespace holisafe::construction {
namespace {

/// The labeller's last word: what it said, or that it declined; nullptr where there is neither.
const KeptReply* word_of(std::span<const KeptReply> replies, const std::string& labeller) {
  const KeptReply* out = nullptr;
  for (const KeptReply& reply : replies) {
    if (reply.step != Step::label || reply.by != labeller) continue;
    if (reply.kind != KeptReply::Kind::broken) out = &reply;
  }
  return out;
}

void decide(ImageRow& image) {
  std::array<std::size_t, taxonomy::class_count> votes{};
  for (const Vote& vote : image.votes) {
    if (const auto label = taxonomy::parse_class(vote.label)) ++votes[*label];
  }
  const auto most = std::max_element(votes.begin(), votes.end());
  image.label.reset();
  if (*most == 0) {
    image.state = ImageState::unlabelled;
    image.reason = "every labeller declined";
    return;
  }
  if (std::count(votes.begin(), votes.end(), *most) > 1) {
    image.state = ImageState::disputed;
    image.reason = "labellers disagree:";
    for (std::size_t i = 0; i < votes.size(); ++i) {
      if (votes[i] > 0) image.reason += fmt::format(" {} {}", taxonomy::classes()[i].name, votes[i]);
    }
    return;
  }
  image.state = ImageState::kept;
  image.reason.clear();
  image.label = static_cast<std::size_t>(most - votes.begin());
}

}  // namespace

bool take_votes(ImageRow& image, std::span<const KeptReply> replies, std::span<const std::string> labellers) {
  std::vector<Vote> votes;
  std::string quarantined_by;
  for (const std::string& labeller : labellers) {
    const KeptReply* word = word_of(replies, labeller);
    if (word == nullptr) return false;
    if (word->kind == KeptReply::Kind::declined) continue;
    const auto object = ask::parse_json("", word->object);
    std::string label = object ? ask::text_of(ask::member(*object, "label")) : std::string();
    if (const auto known = taxonomy::parse_class(label)) label = taxonomy::classes()[*known].name;
    if (label == quarantine && quarantined_by.empty()) quarantined_by = labeller;
    votes.push_back({labeller, std::move(label)});
  }
  image.votes = std::move(votes);
  if (quarantined_by.empty()) {
    decide(image);
    return true;
  }
  image.state = ImageState::quarantined;
  image.reason = fmt::format("{} says {}", quarantined_by, quarantine);
  image.label.reset();
  return true;
}

}  // namespace holisafe::construction
