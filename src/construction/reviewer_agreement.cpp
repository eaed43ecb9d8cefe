#include "construction/reviewer_agreement.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "construction/decisions.h"

namespace holisafe::construction {
namespace {

constexpr std::array<std::string_view, 3> compared_decisions{"accept", "edit", "reject"};

metrics::MarkNumber mark_of(const Decision& decision) {
  metrics::MarkNumber out;
  const auto* const found =
      std::find(compared_decisions.begin(), compared_decisions.end(), decision.decision);
  if (found != compared_decisions.end())
    out.label = static_cast<std::uint8_t>(found - compared_decisions.begin());
  return out;
}

}  // namespace

Result<ReviewerAgreement> reviewer_agreement(const Work& work) {
  ReviewerAgreement out;
  std::set<std::string> compared;
  std::set<std::string> left_out;
  HOLISAFE_CHECK(work.for_each_decided_pair([&](std::span<const Decision> all) -> Result<void> {
    std::map<std::string, metrics::MarkNumber> last;
    for (const Decision* decision : standing(all)) last[decision->reviewer] = mark_of(*decision);
    std::erase_if(last, [&](const auto& each) {
      if (compared.size() < most_reviewers) compared.insert(each.first);
      const bool is_compared = compared.contains(each.first);
      if (!is_compared) left_out.insert(each.first);
      return !is_compared;
    });
    for (auto first = last.begin(); first != last.end(); ++first) {
      for (auto second = std::next(first); second != last.end(); ++second) {
        out.found.try_emplace({first->first, second->first}, compared_decisions.size())
            .first->second.add(first->second, second->second);
      }
    }
    return {};
  }));
  out.left_out = left_out.size();
  return out;
}

}  // namespace holisafe::construction
